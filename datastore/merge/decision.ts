import type { Stamp } from '../stamp.ts';

/**
 * By which rule something was lost.
 *
 * - `last-writer`  not an object of Kubernetes: the higher stamp, deletions included
 * - `whole`        an object that merges whole: the higher stamp
 * - `delete`       a deletion beats an edit of the same object
 * - `finalizer`    a finalizer that the deletion had not seen beats the deletion
 * - `uid`          two objects of one name: one of them
 * - `field`, `unit`  both changed the same field, or fields that belong together: the later stamp
 * - `removed`      both: something was taken away, and changed inside
 * - `created-twice`  both made the same element: one of them
 * - `largest`, `smallest`, `earliest`, `true`  by value
 * - `controller`   two controllers claim the object: one of them
 * - `invalid`      what came of merging would have been refused by apiserver: whole
 */
export type MergeRule =
  | 'last-writer' | 'whole' | 'delete' | 'finalizer' | 'uid' | 'field' | 'unit' | 'removed' | 'created-twice'
  | 'largest' | 'smallest' | 'earliest' | 'true' | 'generation' | 'controller' | 'invalid';

/** Something of one head was beaten by another. */
export interface Decision {
  readonly rule: MergeRule;
  /** Of the field; '' for the whole object. */
  readonly path: string;
  readonly winner: Stamp;
  readonly loser: Stamp;
  /** What was lost, as text; undefined: all of it. */
  readonly lost?: string;
}
