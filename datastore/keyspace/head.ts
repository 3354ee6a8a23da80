import { assert, ForgottenDeletionError } from '../replica/assert.ts';
import type { Record, RecordWrite } from '../replica/types.ts';
import { compareStamps, inContext } from '../replica/types.ts';
import { lastWriter } from './conflict.ts';
import type { ConflictListener } from './conflict.ts';

/** What a key is now, as replicated: its current write, tombstones included, and how much of it lies in documents. */
export interface Head {
  record: Record | null;
  write: RecordWrite | null;
  /** Writes of this key that are physically present in some document. */
  phys: number;
}

/**
 * Lets a write contend for its key. The highest stamp wins, whatever it does: a pure function of the two stamps, so all
 * replicas decide alike in whatever order the writes arrive. Keeps `live` of both records.
 * @returns whether the write is the key's current one now.
 */
export function contend(head: Head, record: Record, write: RecordWrite, onConflict: ConflictListener): boolean {
  head.phys++;
  const old = head.record;
  if (old !== null) {
    const order = compareStamps(record, old);
    // A stamp that is known is not integrated twice; the replica reports copies with `moved`.
    assert(order !== 0, 'a write was integrated twice');
    // The next record of the same log covers all before it: the usual case, and it needs no context.
    if (order > 0 ? record.log !== old.log && !inContext(record.context(), old) : record.log !== old.log && !inContext(old.context(), record)) {
      onConflict(order > 0 ? lastWriter(record, old, head.write!) : lastWriter(old, record, write));
    }
    if (order < 0) return false;
    old.live--;
  }
  record.live++;
  head.record = record;
  head.write = write;
  return true;
}

/** One more copy of a write that is known stands in a document. */
export function addCopy(head: Head): void {
  head.phys++;
}

/** The record of the current write, if it bears the same stamp as this one: itself or a copy. */
export function currentCopy(head: Head | undefined, record: Record): Record | null {
  const current = head?.record ?? null;
  return current !== null && compareStamps(current, record) === 0 ? current : null;
}

/** Is the record's write of this key the current one? A copy that was moved away is not, though it bears the same stamp. */
export const isHead = (head: Head | undefined, record: Record): boolean => head !== undefined && head.record === record;

/** Points the head at the same stamp's other bytes. */
export function moveHead(head: Head, from: Record, to: Record, write: RecordWrite): void {
  if (head.record !== from) return;
  if (from !== to) {
    from.live--;
    to.live++;
    head.record = to;
  }
  head.write = write;
}

/**
 * A write of the key is gone from a document. If it was the current one it can only be a tombstone that nothing in any document
 * needs any more; then the key has no head.
 * @throws ForgottenDeletionError
 */
export function dropFromHead(head: Head, record: Record, write: RecordWrite): void {
  assert(head.phys > 0, 'more writes dropped than integrated');
  head.phys--;
  if (head.record !== record) return;
  if (write.valueLength >= 0) throw new ForgottenDeletionError();
  record.live--;
  head.record = null;
  head.write = null;
}
