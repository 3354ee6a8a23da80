/** An apiserver of one test: what it answers is written by the test. */
import { ApiError } from './client.ts';
import type { Call, KubeClient } from './client.ts';
import type { KubeObject } from './objects.ts';

export const notFound = (): ApiError => new ApiError(404, 'NotFound', 'not found');
export const conflict = (): ApiError => new ApiError(409, 'Conflict', 'the object has been modified');

/** A watch that the test feeds. */
export class FakeStream {
  readonly query: Readonly<Record<string, unknown>>;
  #waiting: (() => void) | null = null;
  readonly #queue: (unknown | Error | null)[] = [];

  constructor(query: Readonly<Record<string, unknown>>) {
    this.query = query;
  }

  /** An event; null: the server ends the watch; an Error: the link breaks. */
  push(event: unknown | Error | null): void {
    this.#queue.push(event);
    this.#waiting?.();
  }

  async *events(signal: AbortSignal): AsyncGenerator<unknown> {
    for (;;) {
      while (this.#queue.length === 0) {
        if (signal.aborted) throw new Error('aborted');
        await new Promise<void>((resolve) => {
          this.#waiting = resolve;
          signal.addEventListener('abort', () => resolve(), { once: true });
        });
      }
      const event = this.#queue.shift();
      if (event === null) return;
      if (event instanceof Error) throw event;
      yield event;
    }
  }
}

export class FakeApi implements KubeClient {
  readonly calls: Call[] = [];
  readonly streams: FakeStream[] = [];
  answer: (call: Call) => KubeObject = () => {
    throw notFound();
  };

  call(call: Call): Promise<KubeObject> {
    this.calls.push(call);
    // As with a real one, the answer comes later.
    return Promise.resolve().then(() => this.answer(call));
  }

  stream(_path: string, query: Readonly<Record<string, unknown>>, _silence_ms: number, signal: AbortSignal): AsyncIterable<unknown> {
    const stream = new FakeStream(query);
    this.streams.push(stream);
    return stream.events(signal);
  }
}
