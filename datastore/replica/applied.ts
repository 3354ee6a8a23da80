/**
 * What the entries of the journal amount to: logs, counters, notes. Changed in the same way at first and at replay; whether it is durable,
 * and who is told, is not known here.
 */
import { limits } from '../limits.ts';
import { assert } from './assert.ts';
import { decodeEntry } from './entry.ts';
import type { LogDoc, LogUpdate } from './log-doc.ts';
import { Logs, relocate } from './logs.ts';
import { Revisions } from './revisions.ts';
import type { Shape } from './segment.ts';
import { encodeState, StateLoader } from './state.ts';
import { slotOf } from './types.ts';
import type { LogId, Record, RecordSink, Write } from './types.ts';
import { integrateUnit } from './unit.ts';
import type { Unit } from './unit.ts';

export class Applied {
  readonly logs: Logs;
  readonly #sink: RecordSink;
  readonly #handlers = new Map<string, (body: Uint8Array) => void>();
  /** Parts of a unit that replay has met and whose end it has not. */
  #staged: LogUpdate[] = [];
  #own: LogDoc | null = null;
  #revisions: Revisions | null = null;

  constructor(sink: RecordSink, shape: Shape) {
    this.logs = new Logs(shape);
    this.#sink = sink;
  }

  /** The log that this replica writes; null: the disk has no identity yet. */
  get own(): LogDoc | null {
    return this.#own;
  }

  get revisions(): Revisions {
    assert(this.#revisions !== null, 'the disk is initialised');
    return this.#revisions;
  }

  /** Of the applied state; 0 before the disk has an identity. */
  get currentRevision(): number {
    return this.#revisions?.current ?? 0;
  }

  get nextLamport(): number {
    return Math.max(this.logs.lamport, this.revisions.counter) + 1;
  }

  identify(log: LogId, striding: boolean): void {
    const first = this.#own === null;
    if (this.#own !== null) this.logs.former.add(this.#own.log);
    this.#own = this.logs.open(log);
    if (first) this.#revisions = Revisions.initial(slotOf(log), striding);
    else if (!this.revisions.striding) this.stride();
  }

  /**
   * Gives a record that is new here a revision.
   * @param recorded at replay, what it came to then
   * @param own decided here and now: a client waits for it, so it has one revision
   * @returns the last one that it used; 0 if it used none
   */
  give(record: Record, recorded?: number, own = false): number {
    let revision = this.revisions.next(record.lamport);
    const again = (): number => {
      this.revisions.take(revision);
      return (revision = this.revisions.next(0));
    };
    if (!this.#sink.integrate(record, revision, own ? undefined : again, recorded)) return 0;
    this.revisions.take(revision);
    return revision;
  }

  /**
   * Puts updates into their documents and what is new in them into the state: records in the order of their stamps, so that causes come
   * before effects, each with a revision of its own.
   * @param recorded at replay, what they came to then
   * @returns the revision of each new record; 0 for those that used none
   */
  absorb(updates: readonly LogUpdate[], recorded?: readonly number[]): number[] {
    const changes = this.logs.absorb(updates);
    // First what supersedes, then what goes because of it: the order in which the owner did it.
    const revisions = changes.fresh.map((record, i) => this.give(record, recorded?.[i]));
    relocate(this.#sink, changes, (record) => this.logs.copyOf(record));
    return revisions;
  }

  local(revision: number, writes: readonly Write[]): void {
    assert(revision === this.revisions.next(0), 'a local write gets the next revision');
    this.revisions.take(revision);
    this.#sink.integrateLocal(writes, revision);
  }

  advance(revision: number, begin: boolean): void {
    if (begin) this.revisions.begin(revision);
    else this.revisions.take(revision);
    this.#sink.advanced(revision);
  }

  stride(): void {
    // The counter of the first striding revision must lie above every revision counted by 1.
    this.logs.lamport = Math.max(this.logs.lamport, Math.ceil(this.revisions.current / (limits.slots * 2)));
    this.revisions.stride();
  }

  onNote(name: string, handler: (body: Uint8Array) => void): void {
    assert(!this.#handlers.has(name), `one handler for notes ${name}`);
    this.#handlers.set(name, handler);
  }

  note(name: string, body: Uint8Array): void {
    const handler = this.#handlers.get(name);
    assert(handler !== undefined, `a handler for notes ${name}`);
    handler(body);
  }

  // ---- recovery

  /** Applies an entry of the journal again. @throws MalformedError; InvariantError if the outcome is not what it was */
  replay(bytes: Uint8Array): void {
    this.logs.changed();
    const entry = decodeEntry(bytes);
    switch (entry.kind) {
      case 'identity':
        return this.identify(entry.log, entry.striding);
      case 'commit':
        return sameRevisions(this.absorb(entry.updates, entry.revisions), entry.revisions);
      case 'part':
        if (entry.first) this.#staged = [];
        // Copies: the entry is a view into something larger.
        for (const update of entry.updates) this.#staged.push({ ...update, update: new Uint8Array(update.update) });
        return;
      case 'unit':
        return sameRevisions(this.#absorbStaged(entry, entry.revisions), entry.revisions);
      case 'local':
        return this.local(entry.revision, entry.writes);
      case 'compact':
        return this.#sink.compacted(entry.revision);
      case 'advance':
        return this.advance(entry.revision, entry.begin);
      case 'stride':
        return this.stride();
      case 'note':
        return this.note(entry.name, entry.body);
    }
  }

  /** Recovery is over: a unit whose end was not met never happened. */
  recovered(): void {
    this.#staged = [];
    this.logs.changed();
  }

  encodeState(): Iterable<Uint8Array> {
    const identity = this.#own === null ? null : { log: this.#own.log, revisions: this.revisions.state, lamport: this.logs.lamport };
    return encodeState({ identity, former: this.logs.former, retired: this.logs.retired, logs: this.logs.docs.values(), staged: this.#staged });
  }

  loader(): StateLoader {
    assert(this.#own === null, 'a snapshot is loaded into an empty replica');
    return new StateLoader({
      header: (identity, { retired, newest, clocks }, former) => {
        for (const log of former) this.logs.former.add(log);
        for (const [log, retirement] of retired) this.logs.retired.add(log, retirement);
        this.logs.retired.restore(newest, clocks);
        if (identity === null) return;
        this.identify(identity.log, identity.revisions.striding);
        this.#revisions = new Revisions(identity.revisions);
        this.logs.lamport = identity.lamport;
      },
      log: (log, held, update) => this.logs.load(log, held, update),
      staged: (update) => void this.#staged.push(update),
    });
  }

  #absorbStaged({ retired, replaced }: Omit<Unit, 'updates'>, recorded: readonly number[]): number[] {
    let given = 0;
    const steps = integrateUnit(this.logs, this.#sink, { updates: this.#staged, retired, replaced }, (record) => this.give(record, recorded[given++]));
    this.#staged = [];
    let step = steps.next();
    while (step.done !== true) step = steps.next();
    return step.value;
  }
}

function sameRevisions(given: readonly number[], recorded: readonly number[]): void {
  assert(recorded.length === given.length && recorded.every((r, i) => r === given[i]), 'replay gives the same revisions');
}
