/** The same with a custom resource of which the store knows nothing: JSON, maps by field, every list one leaf. */
import type { KubeObject } from '../kube-api.ts';
import type { Cells } from '../cells.ts';
import { until } from '../scenario.ts';
import { addsFinalizer, addsLabel, by, conditions, deletes, of, patching } from './subject.ts';
import type { Edit, Outcome, Subject } from './subject.ts';

interface Spec {
  readonly limits?: { readonly low?: number; readonly high?: number };
  readonly steps: readonly { readonly name: string; readonly run: string }[];
}

const spec = (object: KubeObject | undefined): Spec | undefined => object?.['spec'] as Spec | undefined;
const phase = (object: KubeObject | undefined): string | undefined => ((object?.['status'] ?? {}) as { phase?: string }).phase;
const steps = (...names: readonly (readonly [string, string])[]): object => ({ spec: { steps: names.map(([name, run]) => ({ name, run })) } });
const patch = patching('patch');

const edits = {
  low: patch('sets `spec.limits.low`', (side) => ({ spec: { limits: { low: of(side, 2, 3) } } }), (object, side) => spec(object)?.limits?.low === of(side, 2, 3)),
  high: patch('sets `spec.limits.high`', (side) => ({ spec: { limits: { high: of(side, 20, 30) } } }), (object, side) => spec(object)?.limits?.high === of(side, 20, 30)),
  unlow: patch('removes `spec.limits.low`', () => ({ spec: { limits: { low: null } } }), (object) => spec(object)?.limits !== undefined && spec(object)?.limits?.low === undefined),
  unlimit: patch('removes `spec.limits`', () => ({ spec: { limits: null } }), (object) => object !== undefined && spec(object)?.limits === undefined),
  add: patch('adds to the list `spec.steps`', (side) => steps(['one', 'base'], ['two', 'base'], [`new-${side}`, 'x']), (object, side) => spec(object)?.steps.some(({ name }) => name === `new-${side}`) === true),
  step: patch('changes an element of `spec.steps`', (side) => steps(['one', `by-${side}`], ['two', 'base']), (object, side) => spec(object)?.steps[0]?.run === `by-${side}`),
  status: {
    name: 'writes the status',
    apply: (api, path, side) => api.patch(by(`${path}/status`, side), { status: { phase: `Side-${side}`, conditions: [{ type: `Side-${side}`, status: 'True', reason: 'R', message: 'm' }] } }),
    seen: (object, side) => phase(object) === `Side-${side}` && conditions(object).some(({ type }) => type === `Side-${side}`),
  },
  label: addsLabel(patch),
  finalizer: addsFinalizer(patch),
  delete: deletes,
} as const satisfies Record<string, Edit>;

type EditName = keyof typeof edits;

const exceptions: readonly (readonly [EditName, EditName, Outcome])[] = [
  ['low', 'low', 'one'],
  ['low', 'unlow', 'one'],
  ['low', 'unlimit', 'second'],
  ['unlow', 'unlimit', 'second'],
  ['high', 'high', 'one'],
  ['high', 'unlimit', 'second'],
  ['add', 'add', 'one'],
  ['add', 'step', 'one'],
  ['step', 'step', 'one'],
  ['status', 'status', 'one'],
  ...(['low', 'high', 'unlow', 'unlimit', 'add', 'step', 'status', 'label'] as const).map((name) => [name, 'delete', 'second'] as const),
];

const reasons: Readonly<Record<string, string>> = {
  'low low': 'same field: the higher stamp',
  'low unlow': 'same field: the higher stamp',
  'low unlimit': 'removing a map beats editing inside of it',
  'unlow unlimit': 'removing a map beats editing inside of it',
  'high high': 'same field: the higher stamp',
  'high unlimit': 'removing a map beats editing inside of it',
  'add add': 'a list is one thing, whatever is in it: the higher stamp',
  'add step': 'a list is one thing: the higher stamp',
  'step step': 'a list is one thing: the higher stamp',
  'status status': 'conditions by type, the rest of the status from one side',
  'finalizer delete': 'the object is back, terminating, until its finalizer is gone',
};

const GROUP = 'pairs.example.test';

export const recipes: Subject = {
  kind: 'custom resource', namespace: 'custom-pairs', resource: `recipes.${GROUP}`, path: `/apis/${GROUP}/v1/namespaces/custom-pairs/recipes`, edits, exceptions, reasons,
  base: (name) => ({
    apiVersion: `${GROUP}/v1`, kind: 'Recipe', metadata: { name, labels: { app: name } },
    spec: { limits: { low: 1, high: 10 }, steps: [{ name: 'one', run: 'base' }, { name: 'two', run: 'base' }] },
  }),
};

const definition = {
  apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition', metadata: { name: recipes.resource },
  spec: {
    group: GROUP, scope: 'Namespaced', names: { plural: 'recipes', singular: 'recipe', kind: 'Recipe', listKind: 'RecipeList' },
    versions: [{ name: 'v1', served: true, storage: true, subresources: { status: {} }, schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } } }],
  },
};

/** Both apiservers serve it. */
export async function define(cells: Cells): Promise<void> {
  await cells.a.api.create('/apis/apiextensions.k8s.io/v1/customresourcedefinitions', definition);
  for (const { name, api } of cells.cells) {
    await until(`${name} serves recipes`, 60, () => api.list(recipes.path).then(() => true, () => false));
  }
}
