/**
 * What was asked for and what was acknowledged, at all replicas. A write's revision at the replica that took it is its stamp (Lamport counter, slot), and of the
 * writes of a key the one with the highest stamp wins everywhere, deletions included. So what each key must be in the end is known exactly: what the
 * acknowledged write with the highest revision made it, or a write that was not answered.
 */
interface KeyState {
  /** The acknowledged write with the highest revision. `value` null: a deletion. */
  best: { readonly value: string | null; readonly revision: number } | null;
  /** Of writes that were not answered, whenever. */
  readonly maybe: Set<string | null>;
  /** Of writes under way. */
  readonly open: Set<string | null>;
}

/** A value without what only makes it long. */
const brief = (value: string | null): string => (value === null ? 'nothing' : value.replace(/:x*$/, ''));

export class Ledger {
  readonly problems: string[] = [];
  /** Value → key. All values are different. */
  readonly #issued = new Map<string, string>();
  readonly #keys = new Map<string, KeyState>();
  acked = 0;
  unanswered = 0;

  problem(text: string): void {
    if (this.problems.length < 50) console.error(`VIOLATION ${text}`);
    this.problems.push(text);
  }

  get keys(): Iterable<string> {
    return this.#keys.keys();
  }

  issue(key: string, value: string | null): void {
    if (value !== null) this.#issued.set(value, key);
    this.#state(key).open.add(value);
  }

  ack(key: string, value: string | null, revision: number): void {
    const state = this.#state(key);
    state.open.delete(value);
    this.acked++;
    if (state.best === null || state.best.revision < revision) state.best = { value, revision };
    else if (state.best.revision === revision) this.problem(`revision ${revision} was given to two writes of ${key}`);
  }

  /** It was answered, and there was nothing to change. */
  nothing(key: string): void {
    this.#state(key).open.delete(null);
  }

  /** Whether it happened nobody knows. */
  lost(key: string, value: string | null): void {
    const state = this.#state(key);
    state.open.delete(value);
    state.maybe.add(value);
    this.unanswered++;
  }

  /** @param found the key's value; null: it is not there. @returns what is wrong, or null */
  check(key: string, found: string | null): string | null {
    const state = this.#keys.get(key);
    if (state === undefined) return `${key}: nobody wrote it`;
    if (found !== null && this.#issued.get(found) !== key) return `${key}: nobody wrote ${brief(found)}`;
    if ((state.best?.value ?? null) === found || state.maybe.has(found) || state.open.has(found)) return null;
    return `${key} is ${brief(found)}; ${state.best === null ? 'nothing was acknowledged' : `${brief(state.best.value)}@${state.best.revision} was acknowledged last`} (unanswered: ${[...state.maybe].map(brief).join(', ') || 'nothing'})`;
  }

  #state(key: string): KeyState {
    let state = this.#keys.get(key);
    if (state === undefined) this.#keys.set(key, (state = { best: null, maybe: new Set(), open: new Set() }));
    return state;
  }
}
