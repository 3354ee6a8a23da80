/** A reader and a writer that make one call after the other, of a key of their own: how long the longest took. */

import { setTimeout as sleep } from 'node:timers/promises';

const base64 = (text: string): string => Buffer.from(text).toString('base64');
/** Above all of the benchmark's, which are numbers of few bytes. */
export const CALLERS_KEY = Buffer.alloc(4, 0xff).toString('base64');

/** Between two calls, so that these are no load. */
const PAUSE_MS = 5;

/** In milliseconds. */
export interface Longest {
  readonly read: number;
  readonly write: number;
}

export class Callers {
  readonly #endpoint: string;
  readonly #loops: readonly Promise<void>[];
  readonly #longest = { read: 0, write: 0 };
  #over = false;

  /** @param endpoint of the JSON gateway; every call must be answered */
  constructor(endpoint: string) {
    this.#endpoint = endpoint;
    this.#loops = [this.#again('read', 'range', { key: CALLERS_KEY }), this.#again('write', 'put', { key: CALLERS_KEY, value: base64('x') })];
    for (const loop of this.#loops) loop.catch(() => {}); // told by `stop`
  }

  /** The longest calls since the last time. */
  take(): Longest {
    const taken = { ...this.#longest };
    this.#longest.read = this.#longest.write = 0;
    return taken;
  }

  /** The last calls have been answered. @throws what one was refused with */
  async stop(): Promise<Longest> {
    this.#over = true;
    await Promise.all(this.#loops);
    return this.take();
  }

  async #again(kind: 'read' | 'write', path: string, body: object): Promise<void> {
    while (!this.#over) {
      const from = performance.now();
      const response = await fetch(`${this.#endpoint}/v3/kv/${path}`, { method: 'POST', body: JSON.stringify(body) });
      const text = await response.text();
      if (!response.ok) throw new Error(`${path}: ${response.status} ${text}`);
      this.#longest[kind] = Math.max(this.#longest[kind], performance.now() - from);
      await sleep(PAUSE_MS);
    }
  }
}
