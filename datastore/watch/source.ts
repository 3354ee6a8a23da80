import type { Change } from '../keyspace/types.ts';

/** What watching needs of the keyspace, and no more. */
export interface WatchSource {
  /** Readers see everything up to here. */
  readonly visibleRevision: number;
  /** History up to and including this revision is compacted; 0 or below: nothing is. */
  readonly compactedRevision: number;
  /**
   * The visible changes with `from <= revision <= to`, in order of revision, all changes of a revision together. Lazy: stopping early costs nothing,
   * and starting costs no more than a search. `from` is never below `compactedRevision`; the changes made *at* the compacted revision are still
   * there, deletions included, since etcd serves a watch that starts exactly there (their `prev` may be null, as etcd's then is).
   */
  changes(from: number, to: number): Iterable<Change>;
  /**
   * `listener` is called once for each batch that becomes visible, after `visibleRevision` has moved to `revision`; `changes` may be empty
   * (the counter moved alone).
   */
  onVisible(listener: (changes: readonly Change[], revision: number) => void): void;
}

/**
 * What is to be done with a start revision that a client brings: 'ok', or etcd's ErrCompacted with this compact_revision, because this
 * replica did not issue it (DESIGN.md, Revisions). With `settled` the client is told only then: before, a list could show it a lower revision
 * than it knows.
 */
export type CheckRevision = (revision: number) => 'ok' | { readonly compacted: number; readonly settled?: Promise<void> };
