import type { Change } from '../keyspace/types.ts';
import type { Subject } from './watcher-index.ts';
import { wants } from './watcher.ts';
import type { Watcher } from './watcher.ts';

/** The changes of one `events` message: whole revisions, the last of which is `revision` or, in the last part, where the batch ends. */
export interface Part {
  readonly changes: readonly Change[];
  readonly revision: number;
}

/** How a batch reaches its watchers; the three differ between the live fan-out and a pass over history. */
export interface Recipients {
  /** May this watcher be sent to now? If not, it has been moved to where it reads the batch later. */
  admit(watcher: Watcher): boolean;
  send(watcher: Watcher, parts: readonly Part[]): void;
}

/**
 * Sends each subject's part of a batch that ends at `revision` to its watchers. Watchers with equal filters get the very same arrays, so that
 * the api can encode once for all of them.
 */
export function deliver(subjects: readonly Subject[], revision: number, messageBytes: number, to: Recipients): void {
  for (const subject of subjects) {
    const batch = subject.batch;
    if (batch === null) throw new Error('subject was not touched by this batch');
    subject.batch = null;
    const variants: (readonly Part[] | undefined)[] = [];
    const first = batch[0];
    if (first === undefined) throw new Error('a touched subject has a change');
    for (const watcher of subject.watchers) {
      const parts = watcher.next > first.revision ? partsFor(batch, watcher, revision, messageBytes) : (variants[variantOf(watcher)] ??= partsFor(batch, watcher, revision, messageBytes));
      if (parts.length === 0 || !to.admit(watcher)) continue;
      watcher.next = revision + 1;
      to.send(watcher, parts);
    }
  }
}

const variantOf = (watcher: Watcher): number => (watcher.noPut ? 1 : 0) + (watcher.noDelete ? 2 : 0) + (watcher.prevKv ? 4 : 0);

/** What of `changes` the watcher wants, in messages of about `messageBytes` at most; a revision is never split. Empty: nothing. */
export function partsFor(changes: readonly Change[], watcher: Watcher, revision: number, messageBytes: number): readonly Part[] {
  const last = changes[changes.length - 1];
  const every = !watcher.noPut && !watcher.noDelete && changes[0] !== undefined && watcher.next <= changes[0].revision;
  const wanted = every ? changes : changes.filter((change) => change.revision >= watcher.next && wants(watcher, change));
  if (wanted.length === 0 || last === undefined) return [];

  const parts: Part[] = [];
  let from = 0;
  let bytes = 0;
  let previous = 0;
  for (let i = 0; i < wanted.length; i++) {
    const change = wanted[i] as Change;
    const size = sizeOf(change, watcher.prevKv);
    if (bytes + size > messageBytes && i > from && change.revision !== previous) {
      parts.push({ changes: wanted.slice(from, i), revision: previous });
      from = i;
      bytes = 0;
    }
    bytes += size;
    previous = change.revision;
  }
  parts.push({ changes: from === 0 ? wanted : wanted.slice(from), revision });
  return parts;
}

/** About the bytes that an encoded change takes. */
export const sizeOf = (change: Change, prevKv: boolean): number =>
  64 + change.kv.key.length + change.kv.value.length + (prevKv && change.prev !== null ? 64 + change.prev.key.length + change.prev.value.length : 0);
