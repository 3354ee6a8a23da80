/** Whether this replica serves clients now, and why not. */
import { errStopped, errUnavailable } from './errors.ts';
import type { EtcdError } from './errors.ts';

export class ServingState {
  #why: string | null;
  #refusal: EtcdError | null;
  readonly #listeners = new Set<() => void>();

  /** @param why it does not serve at first ('catching up'); null if it does. */
  constructor(why: string | null) {
    this.#why = why;
    this.#refusal = why === null ? null : errUnavailable(why);
  }

  /** Null, or the error that every call gets. A client takes it as a reason to try another endpoint. */
  refusal(): EtcdError | null {
    return this.#refusal;
  }

  /** Null while it serves. */
  get why(): string | null {
    return this.#why;
  }

  onChange(fn: () => void): () => void {
    this.#listeners.add(fn);
    return () => this.#listeners.delete(fn);
  }

  serve(): void {
    this.#set(null, null);
  }

  refuse(why: string): void {
    this.#set(why, errUnavailable(why));
  }

  /** etcd's own error for a server that is going away. */
  stop(): void {
    this.#set('stopped', errStopped());
  }

  #set(why: string | null, refusal: EtcdError | null): void {
    this.#why = why;
    this.#refusal = refusal;
    for (const fn of this.#listeners) fn();
  }
}
