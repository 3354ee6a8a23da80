/** What the protobuf codec needs of a struct, worked out once: fields by number, embedded messages as levels of their own. */
import type { Field, StructType } from '../schema/types.ts';

export interface Plan {
  readonly numbers: readonly number[];
  readonly fields: ReadonlyMap<number, Field>;
  readonly embedded: ReadonlyMap<number, Plan>;
  /** Field numbers of the messages around this one, up to the struct. */
  readonly inline: readonly number[];
  /** Highest first. */
  readonly descending: readonly number[];
}

const plans = new WeakMap<StructType, Plan>();

export function planOf(struct: StructType): Plan {
  let plan = plans.get(struct);
  if (plan === undefined) plans.set(struct, (plan = level([...struct.fields.values()], [])));
  return plan;
}

function level(fields: readonly Field[], inline: readonly number[]): Plan {
  const depth = inline.length;
  const own = new Map(fields.filter((field) => field.inline.length === depth).map((field) => [field.number, field]));
  const deeper = new Set(fields.filter((field) => field.inline.length > depth).map((field) => field.inline[depth]!));
  const embedded = new Map([...deeper].map((number) => [number, level(fields.filter((field) => field.inline[depth] === number), [...inline, number])]));
  const numbers = [...own.keys(), ...embedded.keys()].sort((a, b) => a - b);
  return { numbers, fields: own, embedded, inline, descending: numbers.toReversed() };
}
