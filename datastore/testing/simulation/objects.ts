/**
 * Kubernetes' objects in the simulation: clients that read an object, change a field or two, and write it back if nobody has written in between (as apiserver
 * does), or delete it; and what the model that never forgets says an object amounts to, whatever merge records were written.
 */
import type { RawHead, Result } from '../../merge/merger.ts';
import { defaultMerging, Merger } from '../../merge/merger.ts';
import { encode } from '../../merge/codec/codec.ts';
import { decoded, deployment, fieldsOf } from '../../merge/testing/objects.ts';
import { inContext } from '../../replica/types.ts';
import type { LogId } from '../../replica/types.ts';
import type { SimRandom } from '../sim-random.ts';
import type { KnownRecord, KnownWrite } from './registry.ts';

// Objects of a few fields would fail the checks of a pod template.
const policy = { ...defaultMerging.policy, kinds: defaultMerging.policy.kinds.map((kind) => ({ ...kind, checks: [] })) };
export const merging = { ...defaultMerging, policy };
const merger = new Merger(merging);

export const OBJECTS = Array.from({ length: 4 }, (_, i) => `/registry/o${i}`);
/** Space and key in front: whether a name is an object's. */
export const isObject = (name: string): boolean => name.startsWith(`0${merging.prefix}`);

const FIELDS = ['l', 'a', 's', 'n', 'E:x', 'E:y', 'E:x.i', 'E:x.w', 'F:f', 'F:g'] as const;

/** The object after some change. @param value is different every time */
export function changed(random: SimRandom, before: Uint8Array | null, value: () => string): Buffer {
  const fields = before === null ? new Map([['u', `u${value()}`], ['E:x', 'x'], ['n', '2']]) : fieldsOf(decoded(before));
  for (let i = 1 + random.below(2); i > 0; i--) {
    const field = random.pick(FIELDS);
    const element = /^(E:.)\./.exec(field)?.[1];
    if (element !== undefined && !fields.has(element)) continue;
    if (fields.has(field) && random.chance(0.3)) for (const other of [...fields.keys()]) { if (other === field || other.startsWith(`${field}.`)) fields.delete(other); }
    else fields.set(field, field === 'n' ? String(random.below(6)) : field === 's' ? String(random.below(10_000)) : /^[EF]:.$/.test(field) ? field.slice(2) : value());
  }
  // As apiserver writes it: `kind` first. With the names in another order the same object is other bytes, which only apiserver's own form, in which merge records
  // are written, would not change again. Found where a merge record met a client's write that it had not seen.
  return Buffer.from(encode(decoded(deployment(fields))));
}

export interface Amounts {
  readonly value: Buffer | null;
  readonly lease: bigint;
  /** Heads among all that is held, merge records left out. */
  readonly heads: number;
}

/** What the records amount to that a holder of these counters holds. */
export function amounts(all: readonly { readonly record: KnownRecord; readonly write: KnownWrite }[], held: ReadonlyMap<LogId, number>): Amounts {
  const known = all.filter(({ record, write }) => !write.merged && (held.get(record.log) ?? 0) >= record.lamport);
  const heads = known.filter(({ record }) => !known.some((other) => other.record !== record && inContext(other.record.context, record)));
  const [only] = heads;
  if (only === undefined) return { value: null, lease: 0n, heads: 0 };
  if (heads.length === 1) return { value: only.write.value, lease: only.write.lease, heads: 1 };
  const raw = heads.map(({ record, write }): RawHead => ({ stamp: { lamport: record.lamport, log: record.log }, context: () => record.context, value: write.value, info: write.info }));
  const result: Result = merger.evaluate(raw.map((head) => merger.decode(head)), raw.map((head) => head.value));
  return { value: result.value === null ? null : Buffer.from(result.value), lease: result.lease < 0 ? 0n : heads[result.lease]!.write.lease, heads: heads.length };
}
