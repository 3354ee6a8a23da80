/** What a chart's value may be: one definition gives its default, its JSON schema and its line in the README. */

export interface Leaf {
  readonly kind: 'leaf';
  readonly help: string;
  readonly default: unknown;
  /** JSON schema, without the description. */
  readonly schema: object;
}
export interface Group {
  readonly kind: 'group';
  readonly help: string;
  readonly fields: Readonly<Record<string, Value>>;
}
export type Value = Leaf | Group;

const leaf = (help: string, value: unknown, schema: object): Leaf => ({ kind: 'leaf', help, default: value, schema });

export const group = (help: string, fields: Readonly<Record<string, Value>>): Group => ({ kind: 'group', help, fields });
export const text = (help: string, value = '', more: object = {}): Leaf => leaf(help, value, { type: 'string', ...more });
export const flag = (help: string, value: boolean): Leaf => leaf(help, value, { type: 'boolean' });
export const count = (help: string, value: number, min: number, max?: number): Leaf => leaf(help, value, { type: 'integer', minimum: min, ...(max === undefined ? {} : { maximum: max }) });
export const choice = (help: string, values: readonly string[], value: string): Leaf => leaf(help, value, { type: 'string', enum: values });
/** Text by text: labels, annotations. */
export const texts = (help: string, value: Readonly<Record<string, string>> = {}): Leaf => leaf(help, value, { type: 'object', additionalProperties: { type: 'string' } });
/** What Kubernetes itself checks. */
export const kubernetes = (help: string, value: object = {}): Leaf => leaf(help, value, { type: Array.isArray(value) ? 'array' : 'object' });
export const list = (help: string, items: object, value: readonly unknown[] = []): Leaf => leaf(help, value, { type: 'array', items });
