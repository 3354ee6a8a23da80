/** What is done to a Deployment on one side while the other side does something else, and what is expected of each pair. */
import type { KubeApi, KubeObject } from '../kube-api.ts';

export type Side = 'a' | 'b';

export interface Edit {
  /** As the report names it. */
  readonly name: string;
  apply(api: KubeApi, path: string, side: Side): Promise<unknown>;
  /** Whether the object shows it; `undefined` if there is no object. */
  seen(object: KubeObject | undefined, side: Side): boolean;
}

interface Container {
  readonly name: string;
  readonly image?: string;
  readonly env?: readonly { readonly name: string; readonly value?: string }[];
}
interface Spec {
  readonly replicas?: number;
  readonly minReadySeconds?: number;
  readonly template: { readonly spec: { readonly containers: readonly Container[] } };
}

const spec = (object: KubeObject | undefined): Spec | undefined => object?.['spec'] as Spec | undefined;
const container = (object: KubeObject | undefined, name: string): Container | undefined => spec(object)?.template.spec.containers.find((found) => found.name === name);
const map = (object: KubeObject | undefined, field: 'labels' | 'annotations'): Record<string, string> => (object?.metadata[field] ?? {}) as Record<string, string>;
const finalizers = (object: KubeObject | undefined): readonly string[] => (object?.metadata['finalizers'] ?? []) as string[];
const status = (object: KubeObject | undefined): { readonly replicas?: number; readonly conditions?: readonly { readonly type: string }[] } => (object?.['status'] ?? {}) as object;

/** A different value on each side, so that the same edit on both sides is a conflict. */
const of = <T>(side: Side, a: T, b: T): T => (side === 'a' ? a : b);
const by = (path: string, side: Side): string => `${path}?fieldManager=cell-${side}`;
const containers = (...list: object[]): object => ({ spec: { template: { spec: { containers: list } } } });

const patch = (name: string, make: (side: Side) => object, seen: Edit['seen']): Edit => ({
  name, seen, apply: (api, path, side) => api.patchStrategic(by(path, side), make(side)),
});

export const edits = {
  spec: patch('sets `spec.minReadySeconds`', (side) => ({ spec: { minReadySeconds: of(side, 7, 8) } }), (object, side) => spec(object)?.minReadySeconds === of(side, 7, 8)),
  status: {
    name: 'writes the status',
    apply: (api, path, side) => api.patch(by(`${path}/status`, side), {
      status: { replicas: of(side, 11, 12), unavailableReplicas: of(side, 11, 12), conditions: [{ type: `Side-${side}`, status: 'True', reason: 'R', message: 'm' }] },
    }),
    seen: (object, side) => status(object).replicas === of(side, 11, 12) && status(object).conditions?.some(({ type }) => type === `Side-${side}`) === true,
  },
  label: patch('adds a label', (side) => ({ metadata: { labels: { [`from-${side}`]: 'yes' } } }), (object, side) => map(object, 'labels')[`from-${side}`] === 'yes'),
  tier: patch('changes the label `tier`', (side) => ({ metadata: { labels: { tier: side } } }), (object, side) => map(object, 'labels')['tier'] === side),
  untier: patch('removes the label `tier`', () => ({ metadata: { labels: { tier: null } } }), (object) => object !== undefined && map(object, 'labels')['tier'] === undefined),
  finalizer: patch('adds a finalizer', (side) => ({ metadata: { finalizers: [`example.test/${side}`] } }), (object, side) => finalizers(object).includes(`example.test/${side}`)),
  up: patch('scales 2 → 5', () => ({ spec: { replicas: 5 } }), (object) => spec(object)?.replicas === 5),
  down: patch('scales 2 → 1', () => ({ spec: { replicas: 1 } }), (object) => spec(object)?.replicas === 1),
  image: patch('changes an image', (side) => containers({ name: 'main', image: `example.test/main:${side}` }), (object, side) => container(object, 'main')?.image === `example.test/main:${side}`),
  side: patch('changes the sidecar\'s image', (side) => containers({ name: 'side', image: `example.test/side:${side}` }), (object, side) => container(object, 'side')?.image === `example.test/side:${side}`),
  env: patch('adds an env variable', (side) => containers({ name: 'main', env: [{ name: `FROM_${side}`, value: 'x' }] }), (object, side) => container(object, 'main')?.env?.some(({ name }) => name === `FROM_${side}`) === true),
  container: patch('adds a container', (side) => containers({ name: `new-${side}`, image: 'example.test/new:1' }), (object, side) => container(object, `new-${side}`) !== undefined),
  remove: patch('removes the sidecar', () => containers({ name: 'side', $patch: 'delete' }), (object) => object !== undefined && container(object, 'side') === undefined),
  delete: {
    name: 'deletes it',
    apply: (api, path) => api.remove(path),
    seen: (object) => object === undefined || object.metadata['deletionTimestamp'] !== undefined,
  },
} as const satisfies Record<string, Edit>;

export type EditName = keyof typeof edits;

/** Which of the two edits of a pair the result shows. */
export type Outcome = 'both' | 'one' | 'first' | 'second' | 'none';

/** What is not `both`. `one`: the later of the two, whichever that is. */
const exceptions: readonly (readonly [EditName, EditName, Outcome])[] = [
  ['spec', 'spec', 'one'],
  ['status', 'status', 'one'],
  ['tier', 'tier', 'one'],
  ['tier', 'untier', 'one'],
  ['up', 'down', 'first'],
  ['image', 'image', 'one'],
  ['side', 'side', 'one'],
  ['side', 'remove', 'second'],
  ...(['spec', 'status', 'label', 'tier', 'up', 'down', 'image', 'side', 'env', 'container'] as const).map((name) => [name, 'delete', 'second'] as const),
  // What a deletion did not know of is not seen in what is gone.
  ['untier', 'delete', 'second'],
  ['remove', 'delete', 'second'],
];

export function expected(first: EditName, second: EditName): Outcome {
  return exceptions.find(([a, b]) => a === first && b === second)?.[2] ?? 'both';
}

/** Why, for the table. */
export const reasons: Readonly<Partial<Record<string, string>>> = {
  'spec spec': 'same field: the higher stamp',
  'status status': 'conditions by type, the rest of the status from one side',
  'tier tier': 'same label: the higher stamp',
  'tier untier': 'same label: the higher stamp',
  'up down': 'the larger count: too many rather than too few',
  'image image': 'same field: the higher stamp',
  'side side': 'same field: the higher stamp',
  'side remove': 'removing an element beats editing inside of it',
  'finalizer delete': 'the object is back, terminating, until its finalizer is gone',
};

/** Every unordered pair, and every edit with itself. */
export function pairs(): [EditName, EditName][] {
  const names = Object.keys(edits) as EditName[];
  return names.flatMap((first, i) => names.slice(i).map((second): [EditName, EditName] => [first, second]));
}

/** The Deployment that both sides start from. */
export const base = (name: string): KubeObject => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name, labels: { app: name, tier: 'base' } },
  spec: {
    replicas: 2,
    selector: { matchLabels: { app: name } },
    template: {
      metadata: { labels: { app: name } },
      spec: { containers: [{ name: 'main', image: 'example.test/main:base', env: [{ name: 'BASE', value: 'b' }] }, { name: 'side', image: 'example.test/side:base' }] },
    },
  },
});
