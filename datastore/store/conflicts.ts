/**
 * What was beaten: every write that a concurrent one beat is counted, and the latest are kept for people to look at.
 *
 * In memory only. The counts are of this process; the list begins anew at a restart with what the journal's replay meets again (since the last
 * snapshot), without times. Keeping it on disk would cost a journal entry for each conflict, to save what is already part of the record that lost.
 */
import type { Clock } from '../host/host.ts';
import { limits } from '../limits.ts';
import type { Conflict, Rule } from '../keyspace/conflict.ts';
import { logName, Space } from '../replica/types.ts';
import type { Key, Stamp } from '../replica/types.ts';

/** `unseen`: a write that only a disk set aside had, and that is not repeated (offers.ts). */
export type LoggedRule = Rule | 'unseen';

export interface LoggedWrite {
  readonly lamport: number;
  /** `slot.incarnation` of the replica that wrote it. */
  readonly log: string;
}

export interface LoggedConflict {
  /** Milliseconds since the epoch when it was found here; null: it was found again in the journal after a restart. */
  readonly timeMs: number | null;
  readonly key: Key;
  readonly space: 'client' | 'system';
  readonly kind: string;
  readonly rule: LoggedRule;
  /** The field that was lost; '' for all of the value. */
  readonly path: string;
  /** null: it was not another write that beat it. */
  readonly winner: LoggedWrite | null;
  readonly loser: LoggedWrite;
  /** Bytes of what was lost; null: a deletion. */
  readonly size: number | null;
  /** What was lost: the value, or a field of it as text; if it is not longer than `limits.conflict_value_bytes`. */
  readonly value: Uint8Array | null;
}

export interface Count {
  readonly kind: string;
  readonly rule: LoggedRule;
  count: number;
}

/** What an entry costs besides key and value. */
const OVERHEAD_BYTES = 256;
const written = ({ lamport, log }: Stamp): LoggedWrite => ({ lamport, log: logName(log) });

export class Conflicts {
  readonly #clock: Pick<Clock, 'wallMs'>;
  readonly #counts = new Map<string, Count>();
  #entries: LoggedConflict[] = [];
  /** Entries before it have been given up. */
  #first = 0;
  #bytes = 0;
  #dropped = 0;
  #recovering = true;

  constructor(clock: Pick<Clock, 'wallMs'>) {
    this.#clock = clock;
  }

  /** Recovery is over: from now on conflicts are new. */
  begin(): void {
    this.#recovering = false;
  }

  add({ key, space, kind, rule, path, winner, loser, value }: Conflict): void {
    this.#count(kind, rule);
    this.#keep({
      timeMs: this.#recovering ? null : this.#clock.wallMs(),
      key, space: space === Space.system ? 'system' : 'client', kind, rule, path, winner: written(winner), loser: written(loser), ...valueToKeep(value),
    });
  }

  /** A write that nobody else had seen has not been repeated, because its key is taken or gone. */
  unseen(key: Key, value: Uint8Array | null, loser: Stamp): void {
    this.#count('opaque', 'unseen');
    this.#keep({ timeMs: this.#clock.wallMs(), key, space: 'client', kind: 'opaque', rule: 'unseen', path: '', winner: null, loser: written(loser), ...valueToKeep(value) });
  }

  /** Since the process started, replay not included. */
  get counts(): Iterable<Count> {
    return this.#counts.values();
  }

  /** The oldest first. */
  get entries(): readonly LoggedConflict[] {
    return this.#entries.slice(this.#first);
  }

  /** Entries that were given up for newer ones. */
  get dropped(): number {
    return this.#dropped;
  }

  #count(kind: string, rule: LoggedRule): void {
    if (this.#recovering) return;
    const name = `${kind}/${rule}`;
    const known = this.#counts.get(name);
    if (known === undefined) this.#counts.set(name, { kind, rule, count: 1 });
    else known.count++;
  }

  #keep(entry: LoggedConflict): void {
    this.#entries.push(entry);
    this.#bytes += costOf(entry);
    while (this.#entries.length - this.#first > limits.conflict_entries || this.#bytes > limits.conflict_bytes) {
      this.#bytes -= costOf(this.#entries[this.#first++]!);
      this.#dropped++;
    }
    if (this.#first <= limits.conflict_entries) return;
    this.#entries = this.#entries.slice(this.#first);
    this.#first = 0;
  }
}

const costOf = ({ key, value }: LoggedConflict): number => OVERHEAD_BYTES + key.length + (value?.length ?? 0);

function valueToKeep(value: Uint8Array | null): Pick<LoggedConflict, 'size' | 'value'> {
  if (value === null) return { size: null, value: null };
  return { size: value.length, value: value.length <= limits.conflict_value_bytes ? value.slice() : null };
}
