import type { Key, Record, RecordWrite } from '../replica/types.ts';
import type { ConflictListener } from './conflict.ts';
import type { Head } from './head.ts';
import { addCopy, contend, dropFromHead, isHead, moveHead } from './head.ts';
import { valueOf } from './version.ts';

/** Called when a key of the system space has another value; null: it is gone. `revision` is the client space's current one. */
export type SystemListener = (key: Key, value: Uint8Array | null, revision: number) => void;

/**
 * The cluster's own state (leases, users, alarms, settings): records like any other, under keys that no client can reach.
 * It has no history and no revisions, only what is now.
 */
export class SystemSpace {
  readonly heads = new Map<Key, Head>();
  readonly #onConflict: ConflictListener;
  readonly #listeners: SystemListener[] = [];

  constructor(onConflict: ConflictListener) {
    this.#onConflict = onConflict;
  }

  /** Listeners are told while a record is integrated: before it is durable, in the order of integration, at replay too. */
  onChange(listener: SystemListener): void {
    this.#listeners.push(listener);
  }

  get(key: Key): Uint8Array | null {
    const head = this.heads.get(key);
    return head === undefined || head.write === null || head.write.valueLength < 0 ? null : valueOf(head.record!, head.write);
  }

  /** All keys that have a value, in no particular order. */
  *entries(): IterableIterator<[Key, Uint8Array]> {
    for (const key of this.heads.keys()) {
      const value = this.get(key);
      if (value !== null) yield [key, value];
    }
  }

  integrate(record: Record, write: RecordWrite, revision: number): void {
    if (contend(this.#head(write.key), record, write, this.#onConflict)) this.announce(write.key, revision);
  }

  copied(write: RecordWrite): void {
    addCopy(this.#head(write.key));
  }

  announce(key: Key, revision: number): void {
    const value = this.get(key);
    for (const listener of this.#listeners) listener(key, value, revision);
  }

  moved(from: Record, to: Record, write: RecordWrite): void {
    const head = this.heads.get(write.key);
    if (head !== undefined) moveHead(head, from, to, write);
  }

  dropped(record: Record, write: RecordWrite): void {
    const head = this.heads.get(write.key);
    if (head === undefined) return;
    dropFromHead(head, record, write);
    if (head.record === null && head.phys === 0) this.heads.delete(write.key);
  }

  isCurrent(record: Record, write: RecordWrite): boolean {
    return isHead(this.heads.get(write.key), record);
  }

  #head(key: Key): Head {
    let head = this.heads.get(key);
    if (head === undefined) this.heads.set(key, (head = { record: null, write: null, phys: 0 }));
    return head;
  }
}
