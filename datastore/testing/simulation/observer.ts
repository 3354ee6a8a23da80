/**
 * Watches one process from inside: at the seam between replica and keyspace (what is decided, in what order), and where it becomes visible. What
 * it sees is compared with the registry (what anybody ever decided) and with the replica's history (what readers have seen).
 */
import type { Conflict } from '../../keyspace/conflict.ts';
import { compareStamps, inContext, logName, Space } from '../../replica/types.ts';
import type { LogId, Record, RecordWrite, Stamp, Write } from '../../replica/types.ts';
import { COMPACT_KEY } from '../../store/compact-key.ts';
import type { Store } from '../../store/store.ts';
import type { MemoryDisk } from '../memory-disk.ts';
import type { SimRandom } from '../sim-random.ts';
import type { Figures } from './figures.ts';
import type { History } from './history.ts';
import { amounts, isObject } from './objects.ts';
import { nameOf, stampName } from './registry.ts';
import type { KnownRecord, KnownWrite, Name, Registry } from './registry.ts';
import { check } from './violation.ts';

interface ExpectedChange {
  readonly key: string;
  /** null: a deletion. */
  readonly value: Buffer | null;
  readonly lease: bigint;
}

export interface Decided {
  /** null: a write of this replica alone. */
  readonly record: KnownRecord | null;
  /** It was decided here, not brought by a peer. */
  readonly own: boolean;
  readonly bytes: Uint8Array | null;
  readonly changes: readonly ExpectedChange[];
}

export interface ObserverParts {
  readonly name: string;
  readonly registry: Registry;
  readonly history: History;
  readonly disk: MemoryDisk;
  readonly random: SimRandom;
  readonly figures: Figures;
  /** Prefixes of keys that nobody else has. */
  readonly localKeys: readonly string[];
  readonly say: (what: string) => void;
  /** A record that this replica has decided. */
  readonly onDecided: (record: KnownRecord) => void;
  /** Something does not hold, and nobody else would hear of it. */
  readonly failed: (error: unknown) => void;
}

type Integrate = (record: Record, revision: number, again?: () => number, recorded?: number) => boolean;

/** One in so many promises is looked up on the disk. */
const DISK_CHECK_SHARE = 0.25;

export class Observer {
  /** What each revision of this process is to change, from when it was decided. */
  readonly decided = new Map<number, Decided>();
  readonly #parts: ObserverParts;
  readonly #store: Store;
  /** The current write of every key, deletions included. */
  readonly #heads = new Map<Name, Stamp>();
  readonly #live = new Set<Name>();
  readonly #held = new Map<LogId, number>();
  #conflicts: Conflict[] = [];
  readonly #owed: { readonly record: KnownRecord; readonly cause: KnownRecord; readonly write: KnownWrite }[] = [];
  #lastOwn: KnownRecord | null = null;

  constructor(store: Store, parts: ObserverParts) {
    this.#store = store;
    this.#parts = parts;
  }

  /**
   * Call it when the store has been opened, before anything else happens.
   * @param disk same: all that was promised is on it. older: it is a copy from an earlier time. copied: there is another disk with these logs
   */
  attach(ownLogs: Iterable<LogId>, disk: 'same' | 'older' | 'copied'): void {
    const { registry, history, name, say } = this.#parts;
    const { replica, keyspace } = this.#store;
    for (const log of ownLogs) {
      if (disk === 'copied') continue;
      const held = this.#heldOf(log);
      if (disk === 'older') {
        registry.rewound(log, held);
        continue;
      }
      const lost = registry.lost(log, held);
      if (lost > 0) say(`${lost} undecided records of ${logName(log)} are gone`);
    }
    const unknown: Record[] = [];
    for (const doc of replica.logs.values()) {
      for (const segment of doc.segments.values()) {
        for (const record of segment.records) {
          const known = registry.find(record);
          if (known === undefined) unknown.push(record);
          else check(record.writes.length < known.writes.length || Buffer.from(known.bytes).equals(record.bytes), () => `${name}: ${stampName(record)} is not what its author decided`);
        }
      }
    }
    for (const record of unknown.sort(compareStamps)) {
      check(record.log === replica.log, () => `${name}: nobody has decided ${stampName(record)}`);
      registry.learn(record);
    }
    for (const [log, lamport] of replica.counters()) {
      this.#held.set(log, lamport);
      for (const record of registry.between(log, 0, lamport)) record.promised = true;
    }
    const { keys } = keyspace.inside;
    for (const entry of keys.values()) {
      if (entry.record !== null) this.#heads.set(`${Space.client}${entry.key}`, { lamport: entry.record.lamport, log: entry.record.log });
      if (entry.live !== null) this.#live.add(`${Space.client}${entry.key}`);
    }
    for (const [key, head] of keyspace.system.heads) {
      if (head.record !== null) this.#heads.set(`${Space.system}${key}`, { lamport: head.record.lamport, log: head.record.log });
    }
    const from = Math.max(0, keyspace.compactedRevision + 1);
    if (disk !== 'same') history.begin(from === 0 ? [] : keyspace.range({ range: { start: '\0', end: '\0' }, limit: 0, countOnly: false }, from - 1).kvs);
    history.restarted(keyspace.changes(from, keyspace.visibleRevision), from, keyspace.visibleRevision);
    this.#parts.figures.add('check restart');
    this.#patch();
  }

  conflict(conflict: Conflict): void {
    this.#conflicts.push(conflict);
  }

  /** Everything that the replica holds amounts to what it shows. Only while nothing is under way. */
  checkState(): void {
    const { registry, name, figures, localKeys } = this.#parts;
    const { replica, keyspace } = this.#store;
    if (!replica.idle) return;
    const held = replica.counters();
    for (const [log, lamport] of held) {
      const last = registry.between(log, 0, lamport).at(-1);
      if (last === undefined) continue;
      for (const [other, least] of last.context) {
        check((held.get(other) ?? 0) >= least, () => `${name} holds ${stampName(last)}, but of what it depends on in ${logName(other)} only ${held.get(other) ?? 0} of ${least}`);
      }
    }
    for (const key of registry.keys.keys()) {
      const object = isObject(key) ? amounts(registry.keys.get(key)!, held) : null;
      const winner = object === null ? registry.winner(key, held) : null;
      const expected = (object ?? winner?.write)?.value ?? null;
      if (object !== null && object.heads > 1) figures.add('check merged object');
      const at = key.slice(1);
      const client = key.startsWith(`${Space.client}`);
      const version = client ? keyspace.get(at, keyspace.appliedRevision) : null;
      const actual = client ? (version?.value ?? null) : keyspace.system.get(at);
      const equal = actual === null ? expected === null : expected !== null && expected.equals(actual);
      check(equal, () => `${name} shows ${text(actual)} for ${at}, its records amount to ${text(expected)}${winner === null ? '' : ` by ${stampName(winner.record)}`}`);
      const lease = (object ?? winner?.write)?.lease;
      if (version !== null && lease !== undefined) check(version.lease === lease, () => `${name}: ${at} has another lease than it was given`);
    }
    for (const entry of keyspace.inside.keys.values()) {
      check(entry.live === null || entry.key === COMPACT_KEY || localKeys.some((prefix) => entry.key.startsWith(prefix)) || registry.keys.has(`${Space.client}${entry.key}`), () => `${name} shows ${entry.key}, which nobody has written`);
    }
    figures.add('check state');
  }

  #heldOf(log: LogId): number {
    const { replica } = this.#store;
    return replica.logs.get(log)?.lamport ?? replica.retired.get(log)?.lamport ?? 0;
  }

  #patch(): void {
    const { keyspace, replica } = this.#store;
    const integrate = keyspace.integrate.bind(keyspace);
    keyspace.integrate = (record, revision, again, recorded) => this.#integrate(record, revision, integrate, again, recorded);
    const local = keyspace.integrateLocal.bind(keyspace);
    keyspace.integrateLocal = (writes, revision) => {
      this.#local(writes, revision);
      local(writes, revision);
    };
    const dropped = keyspace.dropped.bind(keyspace);
    keyspace.dropped = (record, writes) => {
      dropped(record, writes);
      this.#dropped(writes);
    };
    const durable = keyspace.durable.bind(keyspace);
    keyspace.durable = (revision) => {
      this.#visible(revision);
      durable(revision);
    };
    const commit = replica.commit.bind(replica);
    replica.commit = (writes) => {
      const result = commit(writes);
      const record = this.#lastOwn!;
      result.durable.then(
        () => this.#promised(record),
        () => {},
      ).catch((error: unknown) => this.#parts.failed(error));
      return result;
    };
  }

  #integrate(record: Record, revision: number, integrate: Integrate, again: (() => number) | undefined, recorded: number | undefined): boolean {
    const { registry, name, figures } = this.#parts;
    const own = record.log === this.#store.replica.log;
    const before = own ? undefined : registry.find(record);
    check(own || before !== undefined, () => `${name}: nobody has decided ${stampName(record)}`);
    const known = before ?? registry.learn(record);
    if (own) {
      this.#lastOwn = known;
      this.#parts.onDecided(known);
    } else if (before !== undefined) {
      check(record.writes.length < known.writes.length || Buffer.compare(known.bytes, record.bytes) === 0, () => `${name} was given a ${stampName(record)} that is not what its author decided`);
      check(known.promised, () => `${name} was given ${stampName(record)} before it was durable at its author`);
    }
    this.#causes(known);
    const changes: ExpectedChange[] = [];
    const objects: string[] = [];
    const conflicts: string[] = [];
    for (const write of record.writes) {
      const key = nameOf(write);
      const head = this.#heads.get(key);
      if (isObject(key)) {
        if (head === undefined || compareStamps(record, head) > 0) this.#heads.set(key, { lamport: record.lamport, log: record.log });
        objects.push(write.key);
        continue;
      }
      const wins = head === undefined || compareStamps(record, head) > 0;
      if (head !== undefined && head.log !== record.log) {
        const [winner, loser] = wins ? [record, head] : [head, record];
        if (!inContext(registry.find(winner)!.context, loser)) conflicts.push(`${write.key}: ${stampName(winner)} over ${stampName(loser)}`);
      }
      if (!wins) continue;
      this.#heads.set(key, { lamport: record.lamport, log: record.log });
      if (write.space !== Space.client) continue;
      const value = known.writes.find((w) => w.name === key)!.value;
      if (value === null && !this.#live.has(key)) continue;
      if (value === null) this.#live.delete(key);
      else this.#live.add(key);
      changes.push({ key: write.key, value, lease: write.lease });
    }
    this.#conflicts = [];
    const { keyspace } = this.#store;
    const from = keyspace.appliedRevision;
    const used = integrate(record, revision, again, recorded);
    // What becomes of an object is checked when nothing is under way (`checkState`); here only that it is told.
    const bytes = own ? known.bytes : record.bytes.slice();
    if (changes.length > 0) this.decided.set(revision, { record: known, own, bytes, changes: [...changes] });
    for (const key of objects) {
      const entry = keyspace.inside.keys.get(key);
      for (const version of [...(entry?.older ?? []), ...(entry?.latest == null ? [] : [entry.latest])]) {
        if (version.modRevision <= from) continue;
        const change = { key, value: version.deleted ? null : Buffer.from(version.value), lease: version.lease };
        changes.push(change);
        const decided = this.decided.get(version.modRevision);
        this.decided.set(version.modRevision, { record: known, own, bytes, changes: [...(decided?.changes ?? []), change] });
      }
    }
    check(used === changes.length > 0, () => `${name}: ${stampName(record)} ${used ? 'changes something, though it loses' : 'changes nothing, though it wins'}`);
    for (const conflict of this.#conflicts) if (isObject(nameOf(conflict))) figures.add(`event merge rule ${conflict.rule}`);
    const reported = this.#conflicts.filter((c) => !isObject(nameOf(c))).map((c) => `${c.key}: ${stampName(c.winner)} over ${stampName(c.loser)}`);
    check(reported.join() === conflicts.join(), () => `${name}: ${stampName(record)} beats or is beaten: ${conflicts.join()}; reported: ${reported.join()}`);
    figures.add('check record');
    if (conflicts.length > 0) figures.add('event conflict', conflicts.length);
    return used;
  }

  /**
   * All that its author had seen is here, or is superseded by what its author had seen. If only what comes with it supersedes the cause (which may
   * be forgotten by then), it must become visible no earlier than that: see `#settleCauses`.
   */
  #causes(record: KnownRecord): void {
    const { registry } = this.#parts;
    for (const [log, lamport] of record.context) {
      const held = this.#held.get(log) ?? 0;
      if (held >= lamport || log === record.log) continue;
      for (const cause of registry.between(log, held, lamport)) {
        for (const write of cause.writes) {
          const superseded = registry.keys.get(write.name)!.some((e) => compareStamps(e.record, cause) > 0 && (e.record === record || inContext(record.context, e.record)));
          if (!superseded) this.#owed.push({ record, cause, write });
        }
      }
      this.#held.set(log, lamport);
    }
    this.#held.set(record.log, Math.max(this.#held.get(record.log) ?? 0, record.lamport));
  }

  /** What is about to become visible: the causes of all of it are there, or something here supersedes them. */
  #settleCauses(): void {
    const { registry, name } = this.#parts;
    for (const { record, cause, write } of this.#owed.splice(0)) {
      const head = this.#heads.get(write.name);
      if (head !== undefined && compareStamps(head, cause) >= 0) continue;
      if (head === undefined && write.value === null) continue;
      const superseded = registry.keys.get(write.name)!.some((e) => compareStamps(e.record, cause) > 0 && this.#heldOf(e.record.log) >= e.record.lamport);
      check(superseded, () => `${name} shows ${stampName(record)} before its cause ${stampName(cause)} (${write.name.slice(1)})`);
    }
  }

  #local(writes: readonly Write[], revision: number): void {
    const changes: ExpectedChange[] = [];
    for (const write of writes) {
      const key = nameOf(write);
      this.#heads.delete(key);
      if (write.value === null && !this.#live.delete(key)) continue;
      if (write.value !== null) this.#live.add(key);
      changes.push({ key: write.key, value: write.value === null ? null : Buffer.from(write.value), lease: write.lease });
    }
    this.decided.set(revision, { record: null, own: true, bytes: null, changes });
  }

  #dropped(writes: readonly RecordWrite[]): void {
    const { keyspace } = this.#store;
    for (const write of writes) {
      const head = write.space === Space.client ? keyspace.inside.keys.get(write.key) : keyspace.system.heads.get(write.key);
      if ((head?.record ?? null) === null) this.#heads.delete(nameOf(write));
      this.#parts.figures.add('event dropped write');
    }
  }

  /** Before anybody is told: what becomes visible is what was decided, whole revisions, and on the disk. */
  #visible(revision: number): void {
    const { history, name, disk, random, figures } = this.#parts;
    const { keyspace } = this.#store;
    if (revision <= keyspace.visibleRevision) return;
    this.#settleCauses();
    const changes = [...keyspace.changes(keyspace.visibleRevision + 1, revision)];
    let count = 0;
    for (const at of new Set(changes.map((change) => change.revision))) {
      const decided = this.decided.get(at);
      check(decided !== undefined, () => `${name}: nobody has decided revision ${at}`);
      const shown = changes.filter((change) => change.revision === at);
      count += shown.length;
      const wanted = decided.changes.map((c) => `${c.key}=${text(c.value)}/${c.lease}`).sort().join();
      const got = shown.map(({ kv, type }) => `${kv.key}=${text(type === 'delete' ? null : kv.value)}/${kv.lease}`).sort().join();
      check(wanted === got, () => `${name}: revision ${at} shows ${got}, decided was ${wanted}`);
      if (decided.bytes !== null && random.chance(DISK_CHECK_SHARE)) {
        check(disk.certain(decided.bytes), () => `${name}: revision ${at} (${stampName(decided.record!)}) became visible before it was on stable storage`);
        figures.add('check disk');
      }
    }
    check(count === changes.length, () => `${name}: changes without a revision`);
    history.show(changes, revision);
    figures.add('check visible', changes.length);
  }

  #promised(record: KnownRecord): void {
    if (record.promised) return;
    const { disk, random, figures, name } = this.#parts;
    record.promised = true;
    if (!random.chance(DISK_CHECK_SHARE)) return;
    check(disk.certain(record.bytes), () => `${name}: ${stampName(record)} was said to be durable before it was on stable storage`);
    figures.add('check disk');
  }
}

const text = (value: Uint8Array | null): string => (value === null ? '(nothing)' : Buffer.from(value).toString('latin1'));
