/** Random operations over a few keys, so that they meet. Mostly valid; what is invalid is so in one way at a time. */
import { viaGateway } from './gateway.ts';
import type { Operation } from './operations.ts';
import type { Random } from './random.ts';

/** Deleted by nested transactions, put by others. */
const NESTED = ['n', 'n0', 'n1', 'n2'];
const KEYS = ['a', 'a\0', 'aa', 'ab', 'b', 'b\xff', 'c', 'ca', 'cb', 'cc', 'd', '\0', '\xff', '\xff\xff', 'compact_rev_key'];
const VALUES = ['', '0', '1', 'x', 'xx', '\0', '\xff'];
export const STREAMS = 4;
const TXN_DEPTH = 2;
const MAX_INT64 = 9_223_372_036_854_775_807n;
const BIG_VALUE_BYTES = 300_000;

const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');

/** What the generator knows of the store: kept up to date by whoever runs the operations. */
export interface Known {
  revision: bigint;
  compacted: bigint;
  readonly leases: Set<bigint>;
  /** Who won an election, by name; perhaps no longer. */
  readonly leaders: Map<string, object>;
  /** Active watchers by stream. */
  readonly watchers: bigint[][];
}

export class Generator {
  readonly #random: Random;
  readonly #known: Known;
  /** Operations that belong together, still to be given. */
  #queue: Operation[] = [];

  constructor(random: Random, known: Known) {
    this.#random = random;
    this.#known = known;
  }

  next(): Operation {
    const operation = this.#queue.shift() ?? this.#any();
    if (!('request' in operation) || operation.call === 'watch' || operation.call === 'rangeStream') return operation;
    const { call, request } = operation;
    return this.#random.chance(8) && viaGateway(call, request) ? { call, request, gateway: true } : operation;
  }

  #any(): Operation {
    const random = this.#random;
    const kind = random.below(1000);
    if (kind < 20) return { call: 'rangeStream', request: this.#rangeStream() };
    if (kind < 280) return { call: 'range', request: this.#range() };
    if (kind < 560) return { call: 'put', request: this.#put() };
    if (kind < 650) return { call: 'delete', request: this.#delete() };
    if (kind < 920) return { call: 'txn', request: this.#txn(TXN_DEPTH) };
    if (kind < 930) return this.#compact();
    if (kind < 975) return this.#lease();
    if (kind < 982) return { call: 'settle' };
    if (kind < 990) return this.#concurrency();
    if (kind < 991) return random.chance(30) ? this.#big() : random.chance(40) ? this.#restart() : random.chance(50) ? this.#huge() : { call: 'settle' };
    return this.#watch();
  }

  #key(): Buffer {
    const random = this.#random;
    if (random.chance(1)) return bytes('');
    return bytes(random.chance(70) ? random.pick(KEYS) : `e${random.below(15)}`);
  }

  #end(percentSingle = 45): Buffer {
    const random = this.#random;
    if (random.chance(percentSingle)) return bytes('');
    return random.chance(30) ? bytes('\0') : this.#key();
  }

  /** A revision to read at: mostly none, mostly readable. */
  #revision(): bigint {
    const random = this.#random;
    const { revision, compacted } = this.#known;
    const kind = random.below(100);
    if (kind < 60) return 0n;
    if (kind < 90) return this.#past();
    if (kind < 93) return compacted + BigInt(random.below(3)) - 1n;
    if (kind < 96) return revision + BigInt(random.below(4));
    return random.pick([-1n, -5n, MAX_INT64, 1n]);
  }

  #past(): bigint {
    const back = BigInt(this.#random.below(25));
    return this.#known.revision > back ? this.#known.revision - back : 1n;
  }

  #range(): object {
    const random = this.#random;
    const filter = (): bigint => (random.chance(8) ? this.#past() : 0n);
    const sorted = random.chance(35);
    return {
      key: this.#key(),
      range_end: this.#end(),
      limit: random.chance(40) ? BigInt(random.below(6)) : random.chance(2) ? random.pick([-1n, MAX_INT64]) : 0n,
      revision: this.#revision(),
      sort_order: sorted ? random.below(3) : random.chance(1) ? 7 : 0,
      sort_target: sorted ? random.below(5) : random.chance(1) ? 9 : 0,
      serializable: random.chance(20),
      keys_only: random.chance(15),
      count_only: random.chance(15),
      min_mod_revision: filter(),
      max_mod_revision: filter(),
      min_create_revision: filter(),
      max_create_revision: filter(),
    };
  }

  /** With a sort target but no order, etcd sorts each chunk by itself and loses its place beyond the first: such a request names one key. */
  #rangeStream(): object {
    const request = this.#range() as { sort_order: number; sort_target: number; range_end: Buffer };
    return request.sort_order === 0 && request.sort_target !== 0 ? { ...request, range_end: bytes('') } : request;
  }

  #leaseId(): bigint {
    const random = this.#random;
    const known = [...this.#known.leases];
    return known.length > 0 && random.chance(90) ? random.pick(known) : BigInt(random.below(30));
  }

  #put(top = true): object {
    const random = this.#random;
    const ignore_value = random.chance(8);
    const ignore_lease = random.chance(8);
    return {
      key: top && random.chance(10) ? bytes(random.pick(NESTED)) : this.#key(),
      value: ignore_value && random.chance(90) ? bytes('') : bytes(random.pick(VALUES)),
      lease: (ignore_lease && random.chance(90)) || random.chance(70) ? 0n : this.#leaseId(),
      prev_kv: random.chance(30),
      ignore_value,
      ignore_lease,
    };
  }

  #delete(): object {
    return { key: this.#key(), range_end: this.#end(70), prev_kv: this.#random.chance(30) };
  }

  #compare(): object {
    const random = this.#random;
    const unions = ['version', 'create_revision', 'mod_revision', 'value', 'lease'] as const;
    const target = random.below(5);
    // Now and then the value belongs to another target: it then counts as zero.
    const union = unions[random.chance(97) ? target : random.below(5)]!;
    const value = union === 'value' ? bytes(random.pick(VALUES)) : union === 'lease' ? (random.chance(50) ? 0n : this.#leaseId()) : union === 'version' ? BigInt(random.below(4)) : random.chance(20) ? 0n : this.#past();
    return {
      result: random.below(4),
      target: [0, 1, 2, 3, 4][target],
      key: this.#key(),
      range_end: this.#end(75),
      target_union: random.chance(97) ? { $case: union, value } : undefined,
    };
  }

  #txn(depth: number): object {
    const random = this.#random;
    const operation = (): object => {
      const kind = random.below(200);
      if (kind < 1) return { request: undefined };
      if (kind < 70) return { request: { $case: 'request_range', value: this.#range() } };
      if (kind < 130) return { request: { $case: 'request_put', value: this.#put(depth === TXN_DEPTH) } };
      if (kind < 175 || depth === 0) return { request: { $case: 'request_delete_range', value: this.#deleteInTxn(depth < TXN_DEPTH) } };
      return { request: { $case: 'request_txn', value: this.#txn(depth - 1) } };
    };
    const most = random.chance(1) ? 140 : 4;
    return {
      compare: random.list(3, () => this.#compare()),
      success: random.list(most, operation),
      failure: random.list(4, operation),
    };
  }

  /**
   * etcd overlooks two overlaps of puts and deletions: a range_end "\0", and a nested transaction that deletes what an earlier sibling
   * puts. EdgeStore refuses these when they happen (see datastore/txn/validate.ts), so they are not asked for here.
   */
  #deleteInTxn(nested: boolean): object {
    const random = this.#random;
    const prev_kv = random.chance(30);
    if (nested) return { key: bytes(random.pick(NESTED)), range_end: bytes(random.chance(30) ? 'n9' : ''), prev_kv };
    const range_end = this.#end(70);
    return { key: this.#key(), range_end: range_end.equals(bytes('\0')) ? bytes('zz') : range_end, prev_kv };
  }

  #compact(): Operation {
    const random = this.#random;
    const { revision, compacted } = this.#known;
    const at = random.chance(80) ? this.#past() : random.pick([0n, -1n, revision, revision + 1n, compacted, MAX_INT64]);
    // How far a watcher got before it is overtaken would be a matter of time.
    this.#queue.push({ call: 'compact', request: { revision: at, physical: random.chance(50) } });
    return { call: 'settle' };
  }

  #lease(): Operation {
    const random = this.#random;
    const kind = random.below(100);
    if (kind < 35) {
      // Long enough that none expires; now and then one that is refused.
      return { call: 'leaseGrant', request: { ID: BigInt(1 + random.below(20)), TTL: random.chance(95) ? BigInt(1000 + random.below(1000)) : random.pick([9_000_000_001n, MAX_INT64, 9_000_000_000n]) } };
    }
    if (kind < 55) return { call: 'leaseRevoke', request: { ID: this.#leaseId() } };
    if (kind < 80) return { call: 'leaseTimeToLive', request: { ID: this.#leaseId(), keys: random.chance(60) } };
    if (kind < 90) return { call: 'leaseLeases', request: {} };
    return { call: 'keepAlive', id: this.#leaseId() };
  }

  /** Locks and elections, each lease with names of its own: otherwise they would wait for each other. */
  #concurrency(): Operation {
    const random = this.#random;
    const lease = random.chance(95) ? this.#leaseId() || 1n : 4711n;
    const lock = `lock${lease}`;
    const name = bytes(`election${lease}`);
    const value = bytes(random.pick(VALUES));
    const leaders = [...this.#known.leaders.values()];
    const leader = leaders.length > 0 ? random.pick(leaders) : { name, key: name, rev: 1n, lease };
    switch (random.below(7)) {
      case 0:
      case 1:
        return { call: 'lock', request: { name: bytes(lock), lease } };
      case 2:
        return { call: 'unlock', request: { key: bytes(`${lock}/${lease.toString(16)}`) } };
      case 3:
        return { call: 'campaign', request: { name, lease, value } };
      case 4:
        return { call: 'proclaim', request: { leader, value } };
      case 5:
        return { call: 'leader', request: { name } };
      default:
        return { call: 'resign', request: { leader } };
    }
  }

  #watch(): Operation {
    const random = this.#random;
    const stream = random.below(STREAMS);
    const watchers = this.#known.watchers[stream] ?? [];
    const kind = random.below(100);
    if (kind < 5) return { call: 'reopen', stream };
    if (kind < 35 && watchers.length > 0) {
      // Before it is canceled, everything must have been said.
      this.#queue.push({ call: 'cancel', stream, watchId: random.chance(90) ? random.pick(watchers) : 77n });
      return { call: 'settle' };
    }
    const { revision, compacted } = this.#known;
    const start = random.below(100);
    const start_revision =
      start < 35 ? 0n : start < 75 ? this.#past() : start < 85 ? compacted + BigInt(random.below(3)) - 1n : start < 97 ? revision + BigInt(random.below(5)) : random.pick([-1n, 1n]);
    return {
      call: 'watch',
      stream,
      request: {
        key: random.chance(95) ? this.#key() : bytes(''),
        range_end: this.#end(35),
        start_revision,
        progress_notify: random.chance(20),
        filters: random.chance(20) ? random.list(3, () => random.below(2)) : [],
        prev_kv: random.chance(60),
        watch_id: random.chance(85) ? 0n : BigInt(random.below(8)),
        fragment: random.chance(20),
      },
    };
  }

  /** Around the largest request, and the largest message. */
  #huge(): Operation {
    const random = this.#random;
    const size = random.pick([1_572_864, 1_572_000, 1_600_000, 2_097_152, 2_097_000, 2_200_000]) - random.below(40);
    this.#queue.push({ call: 'delete', request: { key: bytes('huge') } });
    return { call: 'put', request: { key: bytes('huge'), value: Buffer.alloc(size) } };
  }

  #restart(): Operation {
    this.#queue.push({ call: 'restart', kill: this.#random.chance(50) });
    return { call: 'settle' };
  }

  /** More than one message's worth of changes, then watched with and without fragments. */
  #big(): Operation {
    const random = this.#random;
    const from = this.#known.revision + 1n;
    for (let i = 0; i < 6; i++) {
      this.#queue.push({ call: 'put', request: { key: bytes('big'), value: Buffer.alloc(BIG_VALUE_BYTES, i), prev_kv: false } });
    }
    this.#queue.push({
      call: 'watch',
      stream: random.below(STREAMS),
      request: { key: bytes('big'), start_revision: from, fragment: random.chance(80), prev_kv: random.chance(50) },
    });
    this.#queue.push({ call: 'settle' }, { call: 'delete', request: { key: bytes('big') } });
    return { call: 'settle' };
  }
}
