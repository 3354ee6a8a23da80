/**
 * The model that never forgets: every record that any replica ever decided, taken down when its author decided it. What a replica shows must be
 * what these records amount to: for each key the write of the highest stamp among the records that the replica holds, deletions included.
 */
import { infoOf } from '../../replica/record.ts';
import { compareStamps, logName } from '../../replica/types.ts';
import type { Context, LogId, Record, Space, Stamp } from '../../replica/types.ts';
import { check } from './violation.ts';

/** Space and key as one string. */
export type Name = string;
export const nameOf = (write: { readonly space: Space; readonly key: string }): Name => `${write.space}${write.key}`;

export interface KnownWrite {
  readonly name: Name;
  /** null: a deletion. */
  readonly value: Buffer | null;
  readonly lease: bigint;
  /** What merging needs to know of it. */
  readonly info: Buffer | null;
  /** A merge record's. */
  readonly merged: boolean;
}

export interface KnownRecord extends Stamp {
  readonly context: Context;
  readonly originRevision: number;
  readonly writes: readonly KnownWrite[];
  /** As in its author's document and journal. */
  readonly bytes: Uint8Array;
  /** Its author has said that it is durable: to a client, a watcher, a peer or itself. It must never be lost. */
  promised: boolean;
  /** The disk of its author is gone: what nobody else had is lost, and that is documented. */
  diskLost: boolean;
  /** With --write-acks: the disks that durably held it when the client was told. Lost only if all of them are. */
  copies: readonly object[];
  /** A client was told so. */
  acknowledged: boolean;
}

export const stampName = (s: Stamp): string => `${logName(s.log)}@${s.lamport}`;

export class Registry {
  readonly logs = new Map<LogId, KnownRecord[]>();
  readonly keys = new Map<Name, { readonly record: KnownRecord; readonly write: KnownWrite }[]>();
  records = 0;
  /** Logs whose owner has an older disk than it had: what is left of them. */
  readonly #rewound = new Map<LogId, number>();

  /** Takes down a record as its author has decided it; one that is known must be the same. */
  learn(record: Record): KnownRecord {
    const left = this.#rewound.get(record.log);
    if (left !== undefined) {
      this.#rewound.delete(record.log);
      for (const gone of this.#cut(record.log, left)) check(gone.diskLost, () => `${stampName(gone)} is overwritten`);
    }
    const known = this.find(record);
    if (known !== undefined) return known;
    const list = this.logs.get(record.log) ?? [];
    this.logs.set(record.log, list);
    const learned: KnownRecord = {
      lamport: record.lamport,
      log: record.log,
      context: record.context(),
      originRevision: record.originRevision,
      writes: record.writes.map((w) => ({
        name: nameOf(w),
        value: w.valueLength < 0 ? null : Buffer.from(record.bytes.slice(w.valueOffset, w.valueOffset + w.valueLength)),
        lease: w.lease,
        info: copyOf(infoOf(record, w)),
        merged: w.merged === true,
      })),
      bytes: record.bytes.slice(),
      promised: false,
      diskLost: false,
      copies: [],
      acknowledged: false,
    };
    const last = list.at(-1);
    check(last === undefined || last.lamport < record.lamport, () => `the stamps of ${logName(record.log)} do not increase: ${last!.lamport}, ${record.lamport}`);
    list.push(learned);
    this.records++;
    for (const write of learned.writes) {
      const all = this.keys.get(write.name) ?? [];
      this.keys.set(write.name, all);
      all.push({ record: learned, write });
    }
    return learned;
  }

  find({ log, lamport }: Stamp): KnownRecord | undefined {
    const list = this.logs.get(log);
    if (list === undefined) return undefined;
    const index = lowerBound(list, lamport);
    return list[index]?.lamport === lamport ? list[index] : undefined;
  }

  /** The records of a log with `after < lamport <= to`. */
  between(log: LogId, after: number, to: number): KnownRecord[] {
    const list = this.logs.get(log);
    return list === undefined ? [] : list.slice(lowerBound(list, after + 1), lowerBound(list, to + 1));
  }

  /** What a log's owner has lost in a crash: nobody may ever have been promised it. */
  lost(log: LogId, after: number): number {
    const gone = this.#cut(log, after, (record) => !record.diskLost);
    for (const record of gone) check(!record.promised, () => `${stampName(record)} was lost, though it was ${record.acknowledged ? 'acknowledged' : 'said to be durable'}`);
    return gone.length;
  }

  /**
   * A log's owner has an older disk, with the records up to `after`. What came later is lost if nobody else has it. If it goes on in this log, what came
   * later must be nowhere: any replica that still has some of it would be found to hold what nobody has decided.
   */
  rewound(log: LogId, after: number): void {
    for (const record of this.between(log, after, Infinity)) record.diskLost = true;
    this.#rewound.set(log, after);
  }

  /** Everything of these logs that nobody else has is lost. */
  diskLost(logs: Iterable<LogId>): void {
    for (const log of logs) for (const record of this.logs.get(log) ?? []) record.diskLost = true;
  }

  #cut(log: LogId, after: number, which: (record: KnownRecord) => boolean = () => true): KnownRecord[] {
    const list = this.logs.get(log);
    if (list === undefined) return [];
    const from = lowerBound(list, after + 1);
    const gone = list.slice(from).filter(which);
    if (gone.length === 0) return gone;
    list.splice(from, list.length, ...list.slice(from).filter((record) => !gone.includes(record)));
    for (const record of gone) {
      for (const { name } of record.writes) {
        const all = this.keys.get(name)!;
        all.splice(all.findIndex((entry) => entry.record === record), 1);
      }
    }
    this.records -= gone.length;
    return gone;
  }

  /** The write of the highest stamp among the records that a holder of these counters holds. */
  winner(name: Name, held: ReadonlyMap<LogId, number>): { readonly record: KnownRecord; readonly write: KnownWrite } | null {
    let best: { readonly record: KnownRecord; readonly write: KnownWrite } | null = null;
    for (const entry of this.keys.get(name) ?? []) {
      if ((held.get(entry.record.log) ?? 0) < entry.record.lamport) continue;
      if (best === null || compareStamps(entry.record, best.record) > 0) best = entry;
    }
    return best;
  }
}

const copyOf = (bytes: Uint8Array | null): Buffer | null => (bytes === null ? null : Buffer.from(bytes));

/** The first index whose counter is at least this. */
function lowerBound(list: readonly KnownRecord[], lamport: number): number {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (list[middle]!.lamport < lamport) low = middle + 1;
    else high = middle;
  }
  return low;
}
