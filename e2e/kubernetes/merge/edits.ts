/** What is done to a Deployment on one side while the other side does something else, and what is expected of each pair. */
import type { KubeObject } from '../kube-api.ts';
import { addsFinalizer, addsLabel, by, conditions, deletes, map, of, patching } from './subject.ts';
import type { Edit, Outcome, Subject } from './subject.ts';

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
const status = (object: KubeObject | undefined): { readonly replicas?: number } => (object?.['status'] ?? {}) as object;

const containers = (...list: object[]): object => ({ spec: { template: { spec: { containers: list } } } });

const patch = patching('patchStrategic');

const edits = {
  spec: patch('sets `spec.minReadySeconds`', (side) => ({ spec: { minReadySeconds: of(side, 7, 8) } }), (object, side) => spec(object)?.minReadySeconds === of(side, 7, 8)),
  status: {
    name: 'writes the status',
    apply: (api, path, side) => api.patch(by(`${path}/status`, side), {
      status: { replicas: of(side, 11, 12), unavailableReplicas: of(side, 11, 12), conditions: [{ type: `Side-${side}`, status: 'True', reason: 'R', message: 'm' }] },
    }),
    seen: (object, side) => status(object).replicas === of(side, 11, 12) && conditions(object).some(({ type }) => type === `Side-${side}`),
  },
  label: addsLabel(patch),
  tier: patch('changes the label `tier`', (side) => ({ metadata: { labels: { tier: side } } }), (object, side) => map(object, 'labels')['tier'] === side),
  untier: patch('removes the label `tier`', () => ({ metadata: { labels: { tier: null } } }), (object) => object !== undefined && map(object, 'labels')['tier'] === undefined),
  finalizer: addsFinalizer(patch),
  up: patch('scales 2 → 5', () => ({ spec: { replicas: 5 } }), (object) => spec(object)?.replicas === 5),
  down: patch('scales 2 → 1', () => ({ spec: { replicas: 1 } }), (object) => spec(object)?.replicas === 1),
  image: patch('changes an image', (side) => containers({ name: 'main', image: `example.test/main:${side}` }), (object, side) => container(object, 'main')?.image === `example.test/main:${side}`),
  side: patch('changes the sidecar\'s image', (side) => containers({ name: 'side', image: `example.test/side:${side}` }), (object, side) => container(object, 'side')?.image === `example.test/side:${side}`),
  env: patch('adds an env variable', (side) => containers({ name: 'main', env: [{ name: `FROM_${side}`, value: 'x' }] }), (object, side) => container(object, 'main')?.env?.some(({ name }) => name === `FROM_${side}`) === true),
  container: patch('adds a container', (side) => containers({ name: `new-${side}`, image: 'example.test/new:1' }), (object, side) => container(object, `new-${side}`) !== undefined),
  remove: patch('removes the sidecar', () => containers({ name: 'side', $patch: 'delete' }), (object) => object !== undefined && container(object, 'side') === undefined),
  delete: deletes,
} as const satisfies Record<string, Edit>;

type EditName = keyof typeof edits;

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

const reasons: Readonly<Record<string, string>> = {
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

export const deployments: Subject = {
  kind: 'Deployment', namespace: 'pairs', resource: 'deployments', path: '/apis/apps/v1/namespaces/pairs/deployments', base, edits, exceptions, reasons,
};
