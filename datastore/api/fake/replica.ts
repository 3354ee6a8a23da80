/** A replica for tests of the API: one map, no history, no durability. Only as much of etcd as those tests need. */
import { errCompacted, errFutureRev, errLeaseNotFound, errMemberNotFound, errUnimplemented } from '../../errors.ts';
import type { EtcdError } from '../../errors.ts';
import type { Change, KeyRange, KeyValue } from '../../keyspace/types.ts';
import type { Leases } from '../../lease/types.ts';
import type { Compare, DeleteRangeResult, Kv, PutRequest, PutResult, RangeRequest, RangeResult, RequestOp, TxnResult } from '../../txn/types.ts';
import type { WatchCreate, WatchHub, WatchOutput } from '../../watch/types.ts';
import type { Replica } from '../context.ts';
import type { Alarm, Cluster, Maintenance, Member, Serving } from '../types.ts';

const within = (key: string, { start, end }: KeyRange) => (end === undefined ? key === start : key >= start && (end === '\0' || key < end));

export class FakeReplica implements Replica {
  readonly data = new Map<string, KeyValue>();
  readonly alarmList: Alarm[] = [];
  readonly streams = new Set<FakeStream>();
  revision = 1;
  compacted = 0;
  members: Member[] = [{ id: 7n, name: 'one', peerURLs: ['http://127.0.0.1:2380'], clientURLs: ['http://127.0.0.1:2379'], isLearner: false }];
  leaseTable = new Map<bigint, { ttl: number; keys: Set<string> }>();
  refused: EtcdError | null = null;
  readonly servingListeners = new Set<() => void>();
  /** Runs before each write is answered, for tests of deadlines and drains. */
  gate: () => Promise<void> = () => Promise.resolve();

  readonly kv: Kv = {
    range: (request) => this.range(request),
    put: async (request) => {
      await this.gate();
      this.revision++;
      return this.put(request);
    },
    deleteRange: async (request) => {
      await this.gate();
      if ([...this.data.keys()].some((key) => within(key, request.range))) this.revision++;
      return this.deleteRange(request.range, request.prevKv);
    },
    txn: async (request) => {
      await this.gate();
      const succeeded = request.compare.every((compare) => this.compare(compare));
      const ops = succeeded ? request.success : request.failure;
      if (ops.some(({ type }) => type !== 'range')) this.revision++;
      return { type: 'txn', revision: this.revision, succeeded, responses: ops.map((op) => this.op(op)) } satisfies TxnResult;
    },
    compact: async (revision) => {
      if (revision <= this.compacted) throw errCompacted();
      if (revision > this.revision) throw errFutureRev();
      this.compacted = revision;
      return { revision: this.revision };
    },
  };

  readonly leases: Leases = {
    grant: async (id, ttl) => {
      const given = id === 0n ? BigInt(this.leaseTable.size + 1_000) : id;
      this.leaseTable.set(given, { ttl, keys: new Set() });
      return { id: given, ttl };
    },
    revoke: async (id) => {
      const lease = this.leaseTable.get(id);
      if (lease === undefined) throw errLeaseNotFound();
      this.leaseTable.delete(id);
      this.revision++;
      for (const key of lease.keys) this.deleteRange({ start: key }, false);
    },
    keepAlive: async (id) => ({ id, ttl: this.leaseTable.get(id)?.ttl ?? 0 }),
    timeToLive: (id, keys) => {
      const lease = this.leaseTable.get(id);
      return lease === undefined ? { id, ttl: -1, grantedTTL: 0, keys: [] } : { id, ttl: lease.ttl, grantedTTL: lease.ttl, keys: keys ? [...lease.keys] : [] };
    },
    list: () => [...this.leaseTable.keys()],
    exists: (id) => this.leaseTable.has(id),
  };

  readonly watch: WatchHub = {
    open: (output: WatchOutput) => {
      const stream = new FakeStream(this, output);
      this.streams.add(stream);
      return stream;
    },
    stats: { watchers: 0, slowWatchers: 0, streams: 0, pendingEvents: 0 },
  } as unknown as WatchHub;

  readonly cluster: Cluster = {
    clusterId: 0xcdf818194e3a8c32n,
    memberId: 7n,
    members: () => this.members,
    add: async (peerURLs, isLearner) => {
      const member = { id: 8n, name: '', peerURLs, clientURLs: [], isLearner };
      this.members = [...this.members, member];
      return { member, members: this.members };
    },
    remove: async (id) => {
      if (!this.members.some((member) => member.id === id)) throw errMemberNotFound();
      return (this.members = this.members.filter((member) => member.id !== id));
    },
    update: () => Promise.reject(errUnimplemented('MemberUpdate')),
    promote: () => Promise.reject(errUnimplemented('MemberPromote')),
  };

  readonly maintenance: Maintenance = {
    revision: () => this.revision,
    alarms: () => this.alarmList,
    activate: async (alarm) => {
      this.alarmList.push(alarm);
      return alarm;
    },
    deactivate: async (alarm) => this.alarmList.splice(0, 1)[0] ?? (alarm && null),
    status: () => ({ dbSize: 4_096, dbSizeInUse: 1_024, dbSizeQuota: 2_147_483_648 }),
    defragment: async () => {},
    hash: async () => ({ hash: 1, revision: this.revision }),
    hashKv: async () => ({ hash: 2, compactRevision: -1, hashRevision: this.revision }),
  };

  readonly serving: Serving = {
    refusal: () => this.refused,
    onChange: (fn) => {
      this.servingListeners.add(fn);
      return () => this.servingListeners.delete(fn);
    },
  };

  serve(refusal: EtcdError | null): void {
    this.refused = refusal;
    for (const fn of this.servingListeners) fn();
  }

  private range(request: RangeRequest): RangeResult {
    if (request.revision > this.revision) throw errFutureRev();
    const { end } = request.range;
    const single = end === undefined ? this.data.get(request.range.start) : undefined;
    const all = end === undefined ? (single === undefined ? [] : [single]) : [...this.data.values()].filter(({ key }) => within(key, request.range)).sort((a, b) => (a.key < b.key ? -1 : 1));
    const descending = request.sortOrder === 2 || (request.sortOrder === 0 && request.sortTarget === -1);
    const field = (['key', 'version', 'createRevision', 'modRevision', 'value'] as const)[request.sortTarget]!;
    let kvs = all.filter((kv) => request.maxCreateRevision === 0 || kv.createRevision <= request.maxCreateRevision);
    if (request.sortTarget !== 0) kvs = kvs.sort((a, b) => (a[field] < b[field] ? -1 : 1));
    if (descending) kvs.reverse();
    const limited = request.limit > 0 ? kvs.slice(0, request.limit) : kvs;
    return { type: 'range', revision: this.revision, kvs: request.countOnly ? [] : limited, more: limited.length < kvs.length, count: all.length, keysOnly: request.keysOnly };
  }

  private put(request: PutRequest): PutResult {
    const prev = this.data.get(request.key) ?? null;
    if (request.lease !== 0n) {
      const lease = this.leaseTable.get(request.lease);
      if (lease === undefined) throw errLeaseNotFound();
      lease.keys.add(request.key);
    }
    const kv: KeyValue = { key: request.key, createRevision: prev?.createRevision ?? this.revision, modRevision: this.revision, version: (prev?.version ?? 0) + 1, lease: request.lease, value: request.value };
    this.data.set(request.key, kv);
    this.notify({ type: 'put', kv, prev, revision: this.revision });
    return { type: 'put', revision: this.revision, prevKv: request.prevKv ? prev : null };
  }

  private deleteRange(range: KeyRange, prevKv: boolean): DeleteRangeResult {
    const found = [...this.data.values()].filter(({ key }) => within(key, range));
    for (const prev of found) {
      this.data.delete(prev.key);
      const kv: KeyValue = { key: prev.key, createRevision: 0, modRevision: this.revision, version: 0, lease: 0n, value: Buffer.alloc(0) };
      this.notify({ type: 'delete', kv, prev, revision: this.revision });
    }
    return { type: 'delete', revision: this.revision, deleted: found.length, prevKvs: prevKv ? found : [] };
  }

  private op(op: RequestOp): TxnResult['responses'][number] {
    if (op.type === 'range') return this.range(op.request);
    if (op.type === 'put') return this.put(op.request);
    if (op.type === 'delete') return this.deleteRange(op.request.range, op.request.prevKv);
    throw errUnimplemented('nested transactions in a fake');
  }

  private compare({ range, target, result, number, value }: Compare): boolean {
    const kv = this.data.get(range.start);
    const found = { version: kv?.version ?? 0, create: kv?.createRevision ?? 0, mod: kv?.modRevision ?? 0, lease: Number(kv?.lease ?? 0), value: 0 }[target];
    const order = target === 'value' ? Buffer.compare(kv?.value ?? Buffer.alloc(0), value) : found - number;
    return { equal: order === 0, greater: order > 0, less: order < 0, notEqual: order !== 0 }[result];
  }

  private notify(change: Change): void {
    for (const stream of this.streams) stream.changed(change);
  }
}

export class FakeStream {
  readonly watchers = new Map<bigint, WatchCreate>();
  readonly output: WatchOutput;
  readonly #replica: FakeReplica;
  #next = 0n;

  constructor(replica: FakeReplica, output: WatchOutput) {
    this.#replica = replica;
    this.output = output;
  }

  create(request: WatchCreate): void {
    const watchId = request.watchId === 0n ? this.#next++ : request.watchId;
    const { revision } = this.#replica;
    if (this.watchers.has(watchId)) {
      this.output.send({ type: 'refused', watchId, revision, reason: 'mvcc: duplicate watch ID provided on the WatchStream' });
      return;
    }
    this.watchers.set(watchId, request);
    this.output.send({ type: 'created', watchId, revision });
  }

  cancel(watchId: bigint): void {
    if (this.watchers.delete(watchId)) this.output.send({ type: 'canceled', watchId, reason: '', compactRevision: 0, revision: this.#replica.revision });
  }

  requestProgress(): void {
    this.output.send({ type: 'progress', watchId: -1n, revision: this.#replica.revision });
  }

  close(): void {
    this.#replica.streams.delete(this);
  }

  changed(change: Change): void {
    for (const [watchId, { range, prevKv, fragment }] of this.watchers) {
      if (within(change.kv.key, range)) this.output.send({ type: 'events', watchId, revision: change.revision, changes: [change], prevKv, fragment });
    }
  }
}
