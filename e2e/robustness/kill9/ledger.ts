/**
 * What the writers know: every write they asked for, which of them were acknowledged and at which revision. Each key has one writer that does one
 * thing after the other, so what a key may be is known exactly: its last acknowledged state, or what unanswered writes since then would make it.
 */
import type { RangeResponse } from '../../../datastore/api/generated/etcdserverpb/rpc.ts';
import { EVERYTHING } from '../shared/rpc.ts';
import type { Rpc } from '../shared/rpc.ts';

export interface Acked {
  readonly key: string;
  /** null: deleted. */
  readonly value: string | null;
  readonly revision: number;
}

interface KeyState {
  value: string | null;
  /** Of the last acknowledged change; 0: never written. */
  revision: number;
  /** Values of writes since then that were not answered. */
  readonly maybe: (string | null)[];
}

export class Ledger {
  readonly acked: Acked[] = [];
  /** Every value that a writer ever asked for. All are different. */
  readonly issued = new Map<string, string>();
  readonly problems: string[] = [];
  unanswered = 0;
  /** The highest revision that any answer, event or progress message has named. */
  seen = 0;
  readonly #keys = new Map<string, KeyState>();
  readonly #revisions = new Set<number>();

  problem(text: string): void {
    if (this.problems.length < 50) console.error(`VIOLATION ${text}`);
    this.problems.push(text);
  }

  see(revision: number): void {
    if (revision > this.seen) this.seen = revision;
  }

  /** An answer's header must not be behind what was known when the question was asked. */
  checkHeader(revision: number, asked: number, what: string): void {
    if (revision < asked) this.problem(`${what}: revision ${revision} after ${asked} had been seen`);
    this.see(revision);
  }

  state(key: string): Readonly<KeyState> {
    return this.#state(key);
  }

  issue(key: string, value: string | null): void {
    if (value !== null) this.issued.set(value, key);
    this.#state(key).maybe.push(value);
  }

  /** The write that was issued last for each of `changes` was acknowledged; all of them are one revision. */
  ack(changes: readonly { key: string; value: string | null }[], revision: number): void {
    if (this.#revisions.has(revision)) this.problem(`revision ${revision} was given to two writes`);
    this.#revisions.add(revision);
    for (const { key, value } of changes) {
      const state = this.#state(key);
      state.maybe.length = 0;
      state.value = value;
      state.revision = revision;
      this.acked.push({ key, value, revision });
    }
  }

  /** It was answered, and changed nothing: the key must have been able to be missing. */
  nothingDeleted(key: string): void {
    const state = this.#state(key);
    if (state.value !== null && !state.maybe.slice(0, -1).includes(null)) this.problem(`${key}: deleted nothing, but ${state.value} was acknowledged`);
    state.maybe.length = 0;
    state.value = null;
  }

  /**
   * Compares all keys with what they may be, before anybody writes again. What is found counts as acknowledged from then on.
   * @returns the response's revision
   */
  async check(rpc: Rpc, prefix: string): Promise<number> {
    const asked = this.seen;
    const answer = await rpc.range(EVERYTHING.key, EVERYTHING.end);
    const revision = Number(answer.header?.revision);
    this.checkHeader(revision, asked, 'after a restart');
    this.#compare(answer, prefix);
    return revision;
  }

  #compare(answer: RangeResponse, prefix: string): void {
    const found = new Map(answer.kvs.map((kv) => [kv.key.toString(), kv]));
    for (const [key, state] of this.#keys) {
      const kv = found.get(key);
      found.delete(key);
      const value = kv === undefined ? null : kv.value.toString();
      if (value === state.value) {
        if (kv !== undefined && Number(kv.mod_revision) !== state.revision) this.problem(`${key}: ${value} was acknowledged at ${state.revision}, stands at ${kv.mod_revision}`);
      } else if (!state.maybe.includes(value)) {
        this.problem(`${key}: ${state.value}@${state.revision} was acknowledged (then unanswered: ${state.maybe.join(', ') || 'nothing'}), found ${value}@${kv?.mod_revision ?? '-'}`);
      } else this.unanswered++;
      state.maybe.length = 0;
      state.value = value;
      state.revision = kv === undefined ? 0 : Number(kv.mod_revision);
    }
    for (const key of found.keys()) if (key.startsWith(prefix)) this.problem(`${key}: nobody wrote it`);
  }

  #state(key: string): KeyState {
    let state = this.#keys.get(key);
    if (state === undefined) this.#keys.set(key, (state = { value: null, revision: 0, maybe: [] }));
    return state;
  }
}
