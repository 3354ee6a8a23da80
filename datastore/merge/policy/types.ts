/**
 * Which part of which kind of object merges how: data that a person can read and replace (`--merge-policy`, docs/merging.md). All replicas must have the same
 * table, since they compute the same bytes from it; its hash is compared at the handshake.
 */

/**
 * What becomes of one part of an object when several replicas have changed it.
 *
 * - `field`     its fields one by one, as the schema has them (the default)
 * - `leaf`      it is one thing: the later change of anything in it wins
 * - `rest`      of a struct: all fields that have no rule of their own are one thing together
 * - `largest`, `smallest`  the larger (smaller) number: for counts where too few is worse than too many
 * - `earliest`  the earlier time, and once set it stays
 * - `true`      true wins
 * - `set`       a list whose elements are told apart by all of their content
 * - `generation`  one more than the largest if the merged spec is none of the heads'
 */
export type SimpleRule = 'field' | 'leaf' | 'rest' | 'largest' | 'smallest' | 'earliest' | 'true' | 'set' | 'generation';

/** A list whose elements are told apart by these fields. */
export interface KeyedRule {
  readonly keys: readonly string[];
}
/** Fields of one struct with the same name belong together: all of them are taken from one side. */
export interface UnitRule {
  readonly unit: string;
}
export type FieldRule = SimpleRule | KeyedRule | UnitRule;

export interface KindPolicy {
  /** `Pod`, `apps/Deployment`; `builtin`, `custom`: all others that Kubernetes brings or that a CRD defines. */
  readonly kinds: readonly string[];
  /** `whole`: the object of the higher stamp, but deletions, finalizers and uids go by the common rules. */
  readonly merge: 'field' | 'whole';
  /** Written so often, and so rarely with finalizers, that nothing of it is looked into when it is written: a deletion beats a finalizer, too. */
  readonly light?: boolean;
  /** By path: names joined by dots, `[]` any element of a list, `*` any key. */
  readonly fields?: Readonly<Record<string, FieldRule>>;
  /** If both sides have something there, and not the same, the objects do not fit together: whole. */
  readonly wholeIfDifferent?: readonly string[];
  /** If a side has `true` there: whole. */
  readonly wholeIfTrue?: readonly string[];
  /** What a merged object must satisfy, by name (checks/checks.ts). */
  readonly checks?: readonly string[];
}

export interface Policy {
  /** Rules of all kinds that merge by field; a kind's own go before. */
  readonly common: Readonly<Record<string, FieldRule>>;
  readonly kinds: readonly KindPolicy[];
}
