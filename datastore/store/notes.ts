/**
 * Small state of other modules that goes through the journal (lease checkpoints, membership, …): for each name the latest body counts.
 * Kept here, too, so that a snapshot has it, whoever made the snapshot: the worker knows no leases.
 */
import { Reader, Writer } from '../bytes.ts';

interface Noting {
  note(name: string, body: Uint8Array): Promise<void>;
  onNote(name: string, handler: (body: Uint8Array) => void): void;
}

/** Every name there is. A journal may hold notes of any of them, and the worker must take them all. */
export const noteNames = ['lease', 'readiness', 'membership', 'compaction'] as const;
export type NoteName = (typeof noteNames)[number];

export class Notes {
  readonly #replica: Noting;
  readonly #latest = new Map<string, Uint8Array>();
  readonly #listeners = new Map<string, (body: Uint8Array) => void>();

  constructor(replica: Noting) {
    this.#replica = replica;
    for (const name of noteNames) replica.onNote(name, (body) => this.#noted(name, body));
  }

  /** Replaces the body of a name; resolves when it is durable. */
  put(name: NoteName, body: Uint8Array): Promise<void> {
    return this.#replica.note(name, body);
  }

  get(name: NoteName): Uint8Array | undefined {
    return this.#latest.get(name);
  }

  /** Called at each `put`, and at once if there is a body already. */
  on(name: NoteName, listener: (body: Uint8Array) => void): void {
    this.#listeners.set(name, listener);
    const body = this.#latest.get(name);
    if (body !== undefined) listener(body);
  }

  *encode(): IterableIterator<Uint8Array> {
    for (const [name, body] of this.#latest) yield new Writer(body.length + name.length + 16).utf8(name).bytes(body).take();
  }

  load(chunk: Uint8Array): void {
    const reader = new Reader(chunk);
    const name = reader.utf8();
    this.#noted(name, reader.bytes().slice());
  }

  #noted(name: string, body: Uint8Array): void {
    this.#latest.set(name, body);
    this.#listeners.get(name)?.(body);
  }
}
