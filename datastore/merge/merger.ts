/** Merging as the keyspace uses it: bytes in, bytes out. Whether it merges at all, which keys, and by which tables. */
import { createHash } from 'node:crypto';
import type { Context, Stamp } from '../stamp.ts';
import { decode, encode } from './codec/codec.ts';
import { decodePair } from './codec/pair.ts';
import { describe, fresh } from './describe.ts';
import { Dots, OLD, sameStamp } from './dots.ts';
import { DELETED, evaluate, MERGED } from './heads.ts';
import type { Head, Outcome } from './heads.ts';
import { createdInfo, decodeInfo, encodeInfo, keptInfo } from './info.ts';
import { peekKind } from './peek.ts';
import { Policies } from './policy/policy.ts';
import { defaultPolicy } from './policy/table.ts';
import type { Policy } from './policy/types.ts';
import { Quick } from './quick.ts';
import { schemaTable } from './schema/schema.ts';

/** Goes into the hash of the tables: raise it whenever the same heads may come to other bytes. */
const RULES_VERSION = 2;

export interface MergerOptions {
  /** Only keys that begin so may hold objects that merge. */
  readonly prefix: string;
  readonly policy: Policy;
}

export const defaultMerging: MergerOptions = { prefix: '/registry/', policy: defaultPolicy };

/** A write that holds a key, alone or with others. */
export interface RawHead {
  readonly stamp: Stamp;
  context(): Context;
  /** null: a deletion. */
  readonly value: Uint8Array | null;
  readonly info: Uint8Array | null;
}

/** What several heads come to. */
export interface Result extends Outcome {
  /** null: the key is deleted. */
  readonly value: Uint8Array | null;
}

export class Merger {
  /** Of everything that decides what bytes a merge has: replicas with different ones must not merge by field. */
  readonly hash: string;
  /** True: objects merge whole, since not all replicas go by the same tables. */
  whole = false;
  readonly #prefix: string;
  readonly #policies: Policies;
  readonly #quick: Quick;
  /** The hash's beginning, as it stands in records. */
  readonly #tables: number;

  constructor({ prefix, policy }: MergerOptions = defaultMerging) {
    this.#prefix = prefix;
    this.#policies = new Policies(policy);
    this.#quick = new Quick(this.#policies);
    this.hash = createHash('sha256').update(JSON.stringify([RULES_VERSION, prefix, this.#policies.hash, schemaTable])).digest('hex').slice(0, 16);
    this.#tables = Number.parseInt(this.hash.slice(0, 8), 16);
  }

  concerns(key: string): boolean {
    return key.startsWith(this.#prefix);
  }

  /**
   * What a write of a value is to carry so that it can be merged.
   * @param before the only head of the key; null: the key is not there
   * @returns null if the value is no object
   */
  over(before: RawHead | null, value: Uint8Array, stable: (stamp: Stamp) => boolean): Uint8Array | null {
    if (before === null || before.value === null) return peekKind(value) === '' && decode(value) === null ? null : encodeInfo(fresh, this.#tables);
    const quick = this.#quick.describe(before.value, value, () => this.#kept(before, stable));
    return quick === undefined ? this.#overSlowly(before, before.value, value, stable) : encodeInfo(quick, this.#tables);
  }

  #overSlowly(before: RawHead, old: Uint8Array, value: Uint8Array, stable: (stamp: Stamp) => boolean): Uint8Array | null {
    const name = peekKind(value);
    const dots = this.#kept(before, stable);
    if (this.#policies.light(name)) return encodeInfo(peekKind(old) === name ? new Dots(dots.created, OLD, new Map()) : fresh, this.#tables);
    const pair = decodePair(old, value, (object) => this.#policies.of(object).root);
    if (pair === null) return decode(value) === null ? null : encodeInfo(fresh, this.#tables);
    return this.#describe(pair.before, dots, pair.after, stable);
  }

  /** What is to be kept of the dots of a version that is written over. */
  #kept({ info, stamp }: RawHead, stable: (stamp: Stamp) => boolean): Dots {
    const kept = info === null ? null : keptInfo(info, stamp, this.#tables, stable);
    return kept ?? new Dots(stamp, stable(stamp) ? OLD : stamp, new Map());
  }

  /** The same over what several heads came to. */
  overResult(before: Result, value: Uint8Array, stable: (stamp: Stamp) => boolean): Uint8Array | null {
    const after = decode(value);
    if (after === null) return null;
    return before.object === null || before.dots === null ? encodeInfo(fresh, this.#tables) : this.#describe(before.object, before.dots, after, stable);
  }

  #describe(before: NonNullable<Outcome['object']>, dots: Dots, after: NonNullable<Outcome['object']>, stable: (stamp: Stamp) => boolean): Uint8Array {
    const kind = this.#policies.of(after);
    if (after.uid !== before.uid || after.kind !== before.kind) return encodeInfo(fresh, this.#tables);
    return encodeInfo(describe(before, dots, after, kind, stable), this.#tables);
  }

  /** What a merge record carries: all dots are stable. Null if there is nothing to carry. */
  written({ dots, value }: Result): Uint8Array | null {
    return value === null || dots === null ? null : encodeInfo(new Dots(dots.created, OLD, new Map()), this.#tables);
  }

  /** Is `after` another object than `before`, of the same name? By where they were created, without decoding them. */
  anotherObject(before: RawHead | null, after: RawHead): boolean {
    if (before === null || before.value === null || after.value === null) return false;
    const [a, b] = [this.#createdOf(before), this.#createdOf(after)];
    return a !== null && b !== null && !sameStamp(a, b);
  }

  /** Has the result another uid than what was shown before? */
  otherUid(before: Uint8Array, { object }: Result): boolean {
    const shown = object === null ? null : decode(before);
    return shown !== null && object !== null && shown.uid !== object.uid;
  }

  decode(head: RawHead): Head {
    const { stamp, value } = head;
    if (value === null) return { stamp, context: head.context(), object: null, dots: null };
    const dots = this.#dotsOf(head);
    const object = dots === null ? null : decode(value);
    return { stamp, context: head.context(), object: object ?? 'opaque', dots: object === null ? null : dots };
  }

  /** @param heads decoded, in any order; their `values` in the same order */
  evaluate(heads: readonly Head[], values: readonly (Uint8Array | null)[]): Result {
    const seen: readonly Head[] = this.whole ? heads.map((head) => (head.object === null ? head : { ...head, object: 'opaque', dots: null })) : heads;
    const outcome = evaluate(seen, this.#policies);
    const value = outcome.from === DELETED ? null : outcome.from === MERGED ? encode(outcome.object!) : values[outcome.from]!;
    return { ...outcome, value };
  }

  #createdOf({ info, stamp }: RawHead): Stamp | null {
    return info === null ? null : createdInfo(info, stamp, this.#tables);
  }

  #dotsOf({ info, stamp }: RawHead): Dots | null {
    return info === null ? null : decodeInfo(info, stamp, this.#tables);
  }
}
