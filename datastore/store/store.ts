/** One replica's whole state, wired: opened from its data folder, changed only through here, closed in order. */
import { errUnavailable } from '../errors.ts';
import type { Host } from '../host/host.ts';
import type { Logger } from '../host/log.ts';
import type { Workers } from '../host/workers.ts';
import { buildSnapshot } from '../journal/build-snapshot.ts';
import type { SnapshotJob } from '../journal/build-snapshot.ts';
import { openJournal } from '../journal/journal.ts';
import type { Journal } from '../journal/types.ts';
import type { Keyspace } from '../keyspace/keyspace.ts';
import { Lessor } from '../lease/lessor.ts';
import type { MergerOptions } from '../merge/merger.ts';
import type { Replica } from '../replica/replica.ts';
import { firstConfiguration } from '../membership/configuration.ts';
import { decodeSaved, Membership } from '../membership/membership.ts';
import { incarnationOf } from '../replica/types.ts';
import type { LogId, Write } from '../replica/types.ts';
import { Engine } from '../txn/engine.ts';
import type { Committer } from '../txn/types.ts';
import { createWatchHub } from '../watch/hub.ts';
import type { WatchHub } from '../watch/types.ts';
import { Alarms } from './alarms.ts';
import { AutoCompaction } from './auto-compaction.ts';
import { Conflicts } from './conflicts.ts';
import { COMPACT_KEY, compactKeyWrite, localKeys } from './compact-key.ts';
import { leasePorts } from './lease-ports.ts';
import { Machine } from './machine.ts';
import { MergeRecords } from './merge-records.ts';
import { MERGE_TABLES } from './merge-tables.ts';
import type { MergeTables } from './merge-tables.ts';
import { Maintenance } from './maintenance.ts';
import { Members } from './members.ts';
import type { MemberInfo } from './members.ts';
import { Quota } from './quota.ts';
import { revisionPolicy, watchRevisionCheck } from './revision-policy.ts';
import { snapshotsByWorker } from './snapshots.ts';
import type { Identified, StoreOptions, StoreStats } from './types.ts';

/** Whether the disk has the cluster's data: see gossip/bootstrap.ts. */
export type Readiness = 'empty' | 'ready';

/**
 * Recovers the folder's state, or makes an empty one with an identity of its own.
 * @param workers where snapshots are made; null: right here (in a simulation)
 * @throws what a person must look at: DamagedError, NewerVersionError, LockedError, the disk's error
 */
export async function openStore(host: Host, options: StoreOptions, log: Logger, workers: Workers | null): Promise<Store> {
  const fatal = (error: unknown): void => options.onFatal?.(error);
  let onFrame: (frame: Uint8Array) => void = () => {};
  const shape = options.shape === undefined ? {} : { shape: options.shape };
  const conflicts = new Conflicts(host.clock);
  const merging = options.merging ?? null;
  const machine = new Machine({
    clock: host.clock,
    onFrame: (frame) => onFrame(frame),
    onFatal: fatal,
    onConflict(conflict) {
      conflicts.add(conflict);
      options.onConflict?.(conflict);
    },
    merging,
    ...shape,
  });
  const makeSnapshot = workers === null
    ? async (job: SnapshotJob, signal: AbortSignal) => {
        const copy = new Machine({ clock: host.clock, merging, ...shape });
        await buildSnapshot(host, job, copy, signal);
        copy.close();
      }
    : snapshotsByWorker(workers, merging);
  const journal = await openJournal(host, options.dataDir, machine, {
    log,
    makeSnapshot,
    onFatal: fatal,
    ...(options.journalObserver === undefined ? {} : { observer: options.journalObserver }),
    ...(options.journalSizes === undefined ? {} : { sizes: options.journalSizes }),
  });
  try {
    const saved = machine.notes.get('membership');
    const identified = await (options.identify ?? asTold(options, host))(saved === undefined ? null : decodeSaved(saved), machine.replica.initialised ? machine.replica.log : null);
    const store = new Store(host, options, identified, log, machine, journal, conflicts, (fn) => (onFrame = fn));
    await store.start();
    return store;
  } catch (error) {
    machine.close();
    await journal.close();
    throw error;
  }
}

export class Store {
  readonly replica: Replica;
  readonly keyspace: Keyspace;
  readonly kv: Engine;
  readonly watch: WatchHub;
  readonly leases: Lessor;
  readonly cluster: Members;
  readonly membership: Membership;
  readonly self: MemberInfo;
  readonly alarms: Alarms;
  readonly maintenance: Maintenance;
  /** What concurrent writes have beaten. */
  readonly conflicts: Conflicts;
  /** Whether all replicas merge by the same tables. */
  readonly mergeTables: MergeTables;
  /** Sets who is given each own frame that has become durable. */
  readonly onFrame: (fn: (frame: Uint8Array) => void) => void;
  readonly #host: Host;
  readonly #options: StoreOptions;
  readonly #log: Logger;
  readonly #machine: Machine;
  readonly #journal: Journal;
  readonly #compaction: AutoCompaction;
  readonly #mergeRecords: MergeRecords;
  readonly #incarnation: number;
  #started = false;

  constructor(host: Host, options: StoreOptions, { self, membership, incarnation }: Identified, log: Logger, machine: Machine, journal: Journal, conflicts: Conflicts, onFrame: (fn: (frame: Uint8Array) => void) => void) {
    this.#host = host;
    this.#options = options;
    this.#log = log;
    this.#machine = machine;
    this.#journal = journal;
    this.onFrame = onFrame;
    this.conflicts = conflicts;
    this.mergeTables = machine.mergeTables;
    const { replica, keyspace } = machine;
    this.replica = replica;
    this.keyspace = keyspace;
    this.self = self;
    this.#incarnation = incarnation;
    this.membership = new Membership(membership, {
      clock: host.clock,
      random: host.random,
      log,
      token: options.token ?? '',
      note: (body) => machine.notes.put('membership', body),
      ownLog: () => replica.log,
      heldLogs: () => replica.logs.keys(),
      lamportOf: (log) => replica.logs.get(log)?.lamport ?? 0,
      isRetired: (log) => replica.retired.has(log),
      isRetiredEverywhere: (log) => replica.isRetiredEverywhere(log),
    });
    const commitSystem = (writes: readonly Write[]): Promise<void> =>
      replica.held ? Promise.reject(errUnavailable('not every member has vouched for this disk yet')) : replica.commit(writes).durable;
    this.alarms = new Alarms(keyspace.system, commitSystem);
    const quota = new Quota(this.alarms, self.id, {
      quotaBytes: options.quotaBytes,
      usedBytes: () => keyspace.bytes,
      diskWritable: () => replica.writable,
      onError: (error) => log.error('the NOSPACE alarm cannot be raised', { error }),
    });
    this.leases = new Lessor(host, leasePorts({ replica, keyspace, notes: machine.notes, quota, peerReachable: options.peerReachable ?? (() => false) }), log);
    const policy = revisionPolicy(replica);
    const isLocal = localKeys(options.localKeys);
    this.kv = new Engine(keyspace, committer(replica, options.acknowledged), policy, {
      leaseExists: (id) => this.leases.exists(id),
      isLocal: (key) => !this.alone && isLocal(key),
      writable: (adds) => quota.check(adds),
      txnOps: options.txnOps,
    });
    this.watch = createWatchHub(host, keyspace, watchRevisionCheck(replica, keyspace), { progressIntervalMs: options.watchProgressMs });
    this.cluster = new Members(this.membership, self, options.idOf ?? (() => BigInt(host.random.uint32()) + 1n), keyspace.system, commitSystem);
    this.#mergeRecords = new MergeRecords(host.clock, {
      contests: keyspace.contests,
      commit: (write) => void replica.commit([write]).durable.catch(() => {}),
      ready: () => replica.writable && !replica.held && replica.settled() === null,
      stable: (stamp) => replica.stable(stamp),
      self: () => replica.log,
      members: () => this.membership.configuration.members.flatMap(({ log: theirs, standing }) => (standing === 'evicted' || theirs === null ? [] : [theirs])),
    });
    this.maintenance = new Maintenance({ clock: host.clock, keyspace, journal, alarms: this.alarms, quotaBytes: options.quotaBytes });
    this.#compaction = new AutoCompaction(host.clock, {
      get visibleRevision() { return keyspace.visibleRevision; },
      get compactedRevision() { return keyspace.compactedRevision; },
      revisionBefore: (count) => keyspace.revisionBefore(count),
      compactTo: (revision) => this.#compactTo(revision),
    }, options.autoCompaction, {
      load: () => machine.notes.get('compaction'),
      save: (body) => machine.notes.put('compaction', body),
    }, (error) => log.warn('compaction failed', { error }));
  }

  /** Recovery is over. Called by `openStore`. */
  async start(): Promise<void> {
    const { replica } = this;
    const { self } = this;
    const known = this.#machine.notes.get('membership') !== undefined;
    // The keyspace knows the revision of its last change; the counter stands above it in an empty store, or after a jump.
    const raise = (): void => {
      if (this.keyspace.appliedRevision < replica.currentRevision) this.keyspace.advanced(replica.currentRevision);
    };
    if (replica.initialised) raise();
    this.conflicts.begin();
    replica.start(this.#journal);
    if (replica.initialised && replica.slot !== self.slot) {
      throw new Error(`the data folder belongs to slot ${replica.slot}, this replica is told to be slot ${self.slot}`);
    }
    const identified = replica.initialised
      ? Promise.resolve()
      : replica.initialise({ slot: self.slot, incarnation: this.#incarnation, striding: !this.alone });
    raise();
    this.keyspace.durable(replica.currentRevision);
    await identified;
    this.membership.met(self.slot, replica.log);
    if (!known) await this.membership.begin();
    if (!this.alone && !replica.revisions.striding) await replica.stride();
    this.membership.onChange(() => this.#tellMembers());
    this.#tellMembers();
    this.#started = true;
    this.leases.open(this.#machine.notes.get('lease') ?? null);
    this.membership.ready = this.readiness === 'ready';
  }

  /** The alarms that this replica has raised, by name. etcd's own (maintenance) are all replicas'. */
  get raised(): string[] {
    const own = this.maintenance.alarms().filter(({ memberId }) => memberId === this.self.id).map(({ type }) => type as string);
    return this.mergeTables.differing.length > 0 ? [...own, MERGE_TABLES] : own;
  }

  /** How objects merge here; null: not at all. */
  get merging(): MergerOptions | null {
    return this.#options.merging ?? null;
  }

  /** One member, that counts revisions by one, as etcd does. */
  get alone(): boolean {
    return this.#options.alone && this.membership.configuration.members.length === 1;
  }

  /** Whether nothing but this replica's own disk says what the cluster is: then it need not be vouched for. */
  get single(): boolean {
    return this.membership.configuration.members.filter((m) => m.standing !== 'evicted').length <= 1;
  }

  /** Does this disk have the cluster's data? */
  get readiness(): Readiness {
    return this.#machine.notes.get('readiness') === undefined ? 'empty' : 'ready';
  }

  /**
   * From now on this disk has the cluster's data. Resolves when that is durable and clients may come.
   * @param caughtUp it came from peers: the revisions of this incarnation start above what any earlier one can have issued
   */
  async becomeReady(caughtUp: boolean): Promise<void> {
    this.membership.ready = true;
    if (this.readiness === 'ready') return;
    if (caughtUp && this.replica.revisions.striding) this.replica.beginIncarnation();
    await this.#machine.notes.put('readiness', new Uint8Array([1]));
    await this.#serveable();
  }

  /** A member's present log has become known. */
  learnLog(slot: number, log: LogId): void {
    this.membership.met(slot, log);
  }

  /** The disk had the cluster's data already: what a replica that serves does. */
  async resume(): Promise<void> {
    this.replica.held = false;
    await this.#serveable();
  }

  /** From now on what is written goes into the log of a new incarnation, since this disk may be an old copy (REPLICATION.md, 13). */
  async reincarnate(): Promise<void> {
    await this.replica.reincarnate(this.#host.random.uint32());
    this.#tellMembers();
  }

  get stats(): StoreStats {
    return {
      usedBytes: this.keyspace.bytes,
      diskBytes: this.#journal.stats.diskBytes,
      keys: this.keyspace.size,
      leases: this.leases.stats.leases,
      revision: this.keyspace.visibleRevision,
      compactedRevision: this.keyspace.compactedRevision,
    };
  }

  /**
   * Everything decided is durable afterwards, and the folder is free for another process. A broken replica gives the folder back, too: then it rejects with what
   * broke it.
   */
  async close(): Promise<void> {
    this.#compaction.stop();
    this.#mergeRecords.stop();
    this.membership.stop();
    this.watch.closeAll();
    try {
      await this.leases.close().finally(() => this.replica.stop());
    } finally {
      this.#machine.close();
      await this.#journal.close();
    }
  }

  async #serveable(): Promise<void> {
    if (!this.alone && this.keyspace.get(COMPACT_KEY, this.keyspace.appliedRevision) === null) {
      this.replica.commitLocal([compactKeyWrite(this.keyspace.compactedRevision)]);
    }
    await this.cluster.publish();
    this.#forgetTables();
    if (!this.alone) await this.#publishTables();
    await this.replica.flushed();
    this.#compaction.run();
    this.#mergeRecords.run();
  }

  #publishTables(): Promise<void> {
    return this.mergeTables.publish(this.self.slot, (writes) => this.replica.commit(writes).durable);
  }

  /** Not before the disk has been vouched for: if it is an old copy, others hold more of the log that this would go into. */
  #forgetTables(): void {
    if (!this.#started || this.readiness !== 'ready' || this.replica.held) return;
    const slots = new Set(this.membership.configuration.members.map(({ slot }) => slot));
    this.mergeTables.forget(slots, (writes) => this.replica.commit(writes).durable).catch(() => {});
  }

  #tellMembers(): void {
    const { number, members, removed } = this.membership.configuration;
    this.replica.setMembers(
      members.filter((m) => m.standing !== 'evicted').map(({ slot, log }) => ({ slot, log })),
      number,
      removed.map((r) => r.log),
    );
    this.#forgetTables();
    if (this.#started && !this.alone && !this.replica.revisions.striding) this.replica.stride().then(() => this.#publishTables()).catch(() => {});
  }

  /** This replica's own compaction, as another apiserver's would be. */
  async #compactTo(revision: number): Promise<void> {
    if (!this.alone) this.replica.commitLocal([compactKeyWrite(revision)]);
    await this.replica.compact(revision);
    this.#log.info('compacted', { revision });
  }
}

/** Who a replica is that is told all of its members, unless its disk knows better. */
function asTold({ clusterId, self, members }: StoreOptions, { random }: Host): NonNullable<StoreOptions['identify']> {
  if (clusterId === undefined || self === undefined || members === undefined) throw new Error('a replica is told who it is');
  return (saved, recovered) => Promise.resolve({
    self,
    membership: saved ?? { clusterId: clusterId.toString(16), id: self.id, configuration: firstConfiguration(members), vote: null },
    incarnation: recovered === null ? random.uint32() : incarnationOf(recovered),
  });
}

/** What transactions need of the replica. */
function committer(replica: Replica, acknowledged: StoreOptions['acknowledged']): Committer {
  return {
    nextRevision: () => replica.nextRevision,
    commit(writes, local) {
      // Both go into one group commit, so both are durable and visible together or not at all; the local ones have the higher revision.
      const replicated = writes.length > 0 ? replica.commit(writes).durable : undefined;
      const durable = local.length > 0 ? replica.commitLocal(local).durable : (replicated ?? replica.flushed());
      if (acknowledged === undefined || replicated === undefined) return durable;
      return durable.then(() => acknowledged(replica.vector().get(replica.log)?.clock ?? 0));
    },
    settled: () => replica.settled(),
    flushed: () => replica.flushed(),
    compact: (revision) => replica.compact(revision),
    // It may be above already, by a move that is not visible yet.
    advanceAbove: (revision) => replica.advanceAbove(revision)?.durable ?? replica.flushed(),
  };
}
