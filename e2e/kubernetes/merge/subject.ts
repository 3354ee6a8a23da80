/** Objects of which every pair of edits is made, one edit on each side, and what is expected of each pair. */
import type { KubeApi, KubeObject } from '../kube-api.ts';

export type Side = 'a' | 'b';

export interface Edit {
  /** As the report names it. */
  readonly name: string;
  apply(api: KubeApi, path: string, side: Side): Promise<unknown>;
  /** Whether the object shows it; `undefined` if there is no object. */
  seen(object: KubeObject | undefined, side: Side): boolean;
}

/** Which of the two edits of a pair the result shows. `one`: the later of the two, whichever that is. */
export type Outcome = 'both' | 'one' | 'first' | 'second' | 'none';

export interface Subject {
  /** The kind, as the report names it. */
  readonly kind: string;
  readonly namespace: string;
  /** As kubectl and paths name its kind. */
  readonly resource: string;
  /** The path of the namespace's objects. */
  readonly path: string;
  /** The object that both sides start from. */
  base(name: string): KubeObject;
  readonly edits: Readonly<Record<string, Edit>>;
  /** What is not `both`. */
  readonly exceptions: readonly (readonly [string, string, Outcome])[];
  /** Why, for the table; by the names of the edits, with a space between. */
  readonly reasons: Readonly<Record<string, string>>;
}

export const expected = ({ exceptions }: Subject, first: string, second: string): Outcome => exceptions.find(([a, b]) => a === first && b === second)?.[2] ?? 'both';

/** Every unordered pair, and every edit with itself. */
export function pairs({ edits }: Subject): [string, string][] {
  const names = Object.keys(edits);
  return names.flatMap((first, i) => names.slice(i).map((second): [string, string] => [first, second]));
}

/** A different value on each side, so that the same edit on both sides is a conflict. */
export const of = <T>(side: Side, a: T, b: T): T => (side === 'a' ? a : b);
export const by = (path: string, side: Side): string => `${path}?fieldManager=cell-${side}`;
export const map = (object: KubeObject | undefined, field: 'labels' | 'annotations'): Record<string, string> => (object?.metadata[field] ?? {}) as Record<string, string>;
export const finalizers = (object: KubeObject | undefined): readonly string[] => (object?.metadata['finalizers'] ?? []) as string[];
export const conditions = (object: KubeObject | undefined): readonly { readonly type: string }[] => ((object?.['status'] ?? {}) as { conditions?: { type: string }[] }).conditions ?? [];

type Patch = (name: string, make: (side: Side) => object, seen: Edit['seen']) => Edit;

/** Makes edits that are patches of one of apiserver's kinds. */
export const patching = (how: 'patch' | 'patchStrategic'): Patch => (name, make, seen) => ({ name, seen, apply: (api, path, side) => api[how](by(path, side), make(side)) });

export const addsLabel = (patch: Patch): Edit =>
  patch('adds a label', (side) => ({ metadata: { labels: { [`from-${side}`]: 'yes' } } }), (object, side) => map(object, 'labels')[`from-${side}`] === 'yes');
export const addsFinalizer = (patch: Patch): Edit =>
  patch('adds a finalizer', (side) => ({ metadata: { finalizers: [`example.test/${side}`] } }), (object, side) => finalizers(object).includes(`example.test/${side}`));

export const deletes: Edit = {
  name: 'deletes it',
  apply: (api, path) => api.remove(path),
  seen: (object) => object === undefined || object.metadata['deletionTimestamp'] !== undefined,
};
