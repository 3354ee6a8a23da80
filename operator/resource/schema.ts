/**
 * A small language for the schema of a resource: each builder makes the OpenAPI schema and, with it, the TypeScript type. So both have one source
 * and cannot disagree. What it makes is *structural* (every field has a type), as apiextensions.k8s.io/v1 demands.
 */

export type JsonSchema = { readonly [key: string]: unknown };

/** A field of type T. `O`: may be absent, also after the apiserver has filled in the defaults. */
export interface Field<T, O extends boolean = false> {
  readonly json: JsonSchema;
  readonly optional: O;
  readonly type?: T;
}

/** A rule in CEL, checked by the apiserver. `message` is what a person reads. */
export interface Rule {
  readonly rule: string;
  readonly message: string;
  /** CEL that names the field below this one that is wrong. */
  readonly fieldPath?: string;
}

interface More<T> {
  readonly default?: T;
  readonly rules?: readonly Rule[];
}

type Fields = Readonly<Record<string, Field<unknown, boolean>>>;
type Simplify<T> = { [K in keyof T]: T[K] };
type ObjectOf<F extends Fields> = Simplify<
  { readonly [K in keyof F as F[K]['optional'] extends true ? never : K]: Infer<F[K]> } &
  { readonly [K in keyof F as F[K]['optional'] extends true ? K : never]?: Infer<F[K]> }
>;

/** The type that a field describes. */
export type Infer<F> = F extends Field<infer T, boolean> ? T : never;

function field<T>(type: string | undefined, description: string, keywords: JsonSchema, { default: value, rules }: More<T> = {}): Field<T> {
  return {
    optional: false,
    json: {
      ...(type === undefined ? {} : { type }),
      description,
      ...(value === undefined ? {} : { default: value }),
      ...keywords,
      ...(rules === undefined ? {} : { 'x-kubernetes-validations': rules }),
    },
  };
}

export const text = (description: string, more: More<string> & { readonly pattern?: string; readonly minLength?: number; readonly maxLength?: number } = {}): Field<string> => {
  const { pattern, minLength, maxLength } = more;
  return field('string', description, { ...(pattern === undefined ? {} : { pattern }), ...(minLength === undefined ? {} : { minLength }), maxLength: maxLength ?? 253 }, more);
};

export const choice = <const V extends string>(description: string, values: readonly V[], more: More<NoInfer<V>> = {}): Field<V> => field('string', description, { enum: values }, more);

export const integer = (description: string, minimum: number, maximum: number, more: More<number> = {}): Field<number> => field('integer', description, { format: 'int32', minimum, maximum }, more);

export const flag = (description: string, more: More<boolean> = {}): Field<boolean> => field('boolean', description, {}, more);

/** A Kubernetes quantity: `10Gi`, `500m`, or a plain number. */
export const quantity = (description: string, more: More<string | number> = {}): Field<string | number> =>
  field(undefined, description, { 'x-kubernetes-int-or-string': true, anyOf: [{ type: 'integer' }, { type: 'string' }], pattern: '^[0-9]+(\\.[0-9]+)?(m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?$' }, more);

export const intOrPercent = (description: string): Field<string | number> =>
  field(undefined, description, { 'x-kubernetes-int-or-string': true, anyOf: [{ type: 'integer' }, { type: 'string' }], pattern: '^[0-9]+%?$' });

/** A duration as Go writes it, in whole units: `90s`, `10m`, `1h30m`. */
export const duration = (description: string, more: More<string> = {}): Field<string> => text(description, { pattern: '^([0-9]+(ms|s|m|h))+$', maxLength: 32, ...more });

export const object = <F extends Fields>(description: string, fields: F, more: More<Record<string, never>> = {}): Field<ObjectOf<F>> => {
  const required = Object.entries(fields).filter(([, { json, optional: o }]) => !o && json['default'] === undefined).map(([name]) => name);
  const properties = Object.fromEntries(Object.entries(fields).map(([name, { json }]) => [name, json]));
  // An apiserver checks rules against the default as it stands, before the defaults inside it are filled in: so it is written out.
  const value = more.default === undefined ? undefined : Object.fromEntries(Object.entries(properties).filter(([, json]) => json['default'] !== undefined).map(([name, json]) => [name, json['default']]));
  return field('object', description, { ...(required.length === 0 ? {} : { required }), properties }, { ...more, ...(value === undefined ? {} : { default: value }) } as More<ObjectOf<F>>);
};

export const list = <T>(description: string, items: Field<T>, more: More<readonly T[]> & { readonly keys?: readonly string[]; readonly maxItems?: number } = {}): Field<readonly T[]> =>
  field('array', description, {
    items: items.json, maxItems: more.maxItems ?? 256,
    ...(more.keys === undefined ? { 'x-kubernetes-list-type': 'atomic' } : { 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': more.keys }),
  }, more);

/** Free text by name: labels, annotations, selectors. */
export const texts = (description: string): Field<Readonly<Record<string, string>>> => field('object', description, { additionalProperties: { type: 'string', maxLength: 65_536 }, maxProperties: 128 });

/** An object of Kubernetes' own, handed on as it is: what is wrong in it the apiserver says when it is used. */
export const foreign = (description: string): Field<Readonly<Record<string, unknown>>> => field('object', description, { 'x-kubernetes-preserve-unknown-fields': true });

export const foreigns = (description: string): Field<readonly Readonly<Record<string, unknown>>[]> => list(description, foreign('As in Kubernetes.'), { maxItems: 64 });

/** May be absent. */
export const maybe = <T>({ json }: Field<T, boolean>): Field<T, true> => ({ json, optional: true });
