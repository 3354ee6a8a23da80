/**
 * What apiserver would refuse although each side was valid by itself. A merged object that fails is dropped for the whole winner: it could never be
 * repaired, for every update validates all of it. Only what merging by field can bring about is looked for.
 */
import { at, textAt } from '../tree.ts';
import type { Fields, Tree } from '../tree.ts';

/** @returns what is wrong; undefined: nothing */
type Check = (object: Fields) => string | undefined;

const items = (tree: Tree | undefined): readonly Tree[] => (tree?.kind === 'list' ? tree.items : []);
const isTrue = (tree: Tree | undefined): boolean => tree?.kind === 'bool' && tree.value;
const numberAt = (tree: Tree | undefined, ...path: string[]): number | undefined => {
  const node = at(tree, ...path);
  return node?.kind === 'number' ? Number(node.text) : undefined;
};

function podTemplate(object: Fields): string | undefined {
  const template = at(object, 'spec', 'jobTemplate', 'spec', 'template') ?? at(object, 'spec', 'template');
  const spec = at(template, 'spec');
  if (spec === undefined) return undefined;
  const containers = items(at(spec, 'containers'));
  if (containers.length === 0) return 'a pod without containers';
  const volumes = new Set([...items(at(spec, 'volumes')), ...items(at(object, 'spec', 'volumeClaimTemplates'))].map((volume) => textAt(volume, 'name') || textAt(volume, 'metadata', 'name')));
  for (const container of [...containers, ...items(at(spec, 'initContainers'))]) {
    const name = textAt(container, 'name');
    if (textAt(container, 'image') === '' && at(container, 'image') === undefined) return `container ${name} without an image`;
    for (const mount of items(at(container, 'volumeMounts'))) {
      if (!volumes.has(textAt(mount, 'name'))) return `container ${name} mounts volume ${textAt(mount, 'name')}, which is not there`;
    }
    const wrong = requestsAboveLimits(at(container, 'resources'));
    if (wrong !== undefined) return `container ${name}: ${wrong}`;
  }
  const selector = at(object, 'spec', 'selector', 'matchLabels');
  const labels = at(template, 'metadata', 'labels');
  if (selector?.kind === 'fields') {
    for (const [label, value] of selector.entries) {
      const own = labels?.kind === 'fields' ? labels.entries.get(label) : undefined;
      if (own?.kind !== 'string' || value.kind !== 'string' || own.value !== value.value) return `the template's labels do not match the selector (${label})`;
    }
  }
  return undefined;
}

function requestsAboveLimits(resources: Tree | undefined): string | undefined {
  const requests = at(resources, 'requests');
  if (requests?.kind !== 'fields') return undefined;
  for (const [name, request] of requests.entries) {
    const limit = at(resources, 'limits', name);
    if (request.kind !== 'string' || limit?.kind !== 'string') continue;
    const [asked, most] = [quantity(request.value), quantity(limit.value)];
    if (asked !== undefined && most !== undefined && asked > most) return `the request of ${name}, ${request.value}, is above the limit, ${limit.value}`;
  }
  return undefined;
}

const SUFFIXES: Readonly<Record<string, number>> = {
  n: 1e-9, u: 1e-6, m: 1e-3, '': 1, k: 1e3, M: 1e6, G: 1e9, T: 1e12, P: 1e15, E: 1e18, Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30, Ti: 2 ** 40, Pi: 2 ** 50, Ei: 2 ** 60,
};

/** Kubernetes' resource.Quantity, as a number. Undefined if it is none. */
export function quantity(text: string): number | undefined {
  const match = /^([+-]?(?:\d+\.?\d*|\.\d+))(?:([eE][+-]?\d+)|([numkMGTPE]|[KMGTPE]i)?)$/.exec(text);
  if (match === null) return undefined;
  return Number(match[1]! + (match[2] ?? '')) * SUFFIXES[match[3] ?? '']!;
}

export const checks: Readonly<Record<string, Check>> = {
  'one-controller': (object) => {
    const controllers = items(at(object, 'metadata', 'ownerReferences')).filter((owner) => isTrue(at(owner, 'controller')));
    return controllers.length > 1 ? 'more than one controller' : undefined;
  },
  'pod-template': podTemplate,
  'scale-bounds': (object) => {
    const [least, most] = [numberAt(object, 'spec', 'minReplicas'), numberAt(object, 'spec', 'maxReplicas')];
    return least !== undefined && most !== undefined && least > most ? `minReplicas ${least} above maxReplicas ${most}` : undefined;
  },
  'disjoint-data': (object) => {
    const [data, binary] = [at(object, 'data'), at(object, 'binaryData')];
    if (data?.kind !== 'fields' || binary?.kind !== 'fields') return undefined;
    for (const key of data.entries.keys()) if (binary.entries.has(key)) return `${key} is in data and in binaryData`;
    return undefined;
  },
};
