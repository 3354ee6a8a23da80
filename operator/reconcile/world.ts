/** What the operator knows of the cluster: one cache per kind, kept by reflectors, and the EdgeStore to which each object belongs. */
import type { Clock, Random } from '../../datastore/host/host.ts';
import type { Logger } from '../../datastore/host/log.ts';
import { INSTANCE_LABEL, MANAGED_SELECTOR, ordinalOf } from '../desired/names.ts';
import { kinds } from '../desired/kinds.ts';
import type { EdgeStore } from '../resource/edgestore.ts';
import { Cache } from '../runtime/cache.ts';
import type { KubeClient } from '../runtime/client.ts';
import { keyOf } from '../runtime/objects.ts';
import type { KubeObject, Resource } from '../runtime/objects.ts';
import { Reflector } from '../runtime/reflector.ts';

/** A pod, as far as anybody here looks into it. */
export interface Pod extends KubeObject {
  readonly status: {
    readonly podIP?: string;
    readonly phase?: string;
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
  };
  readonly spec: { readonly containers: readonly { readonly name: string; readonly image: string }[] };
}

const slimPod = (pod: KubeObject): KubeObject => {
  const { status, spec } = pod as Pod;
  const { annotations: _, ...metadata } = pod.metadata;
  return {
    metadata,
    spec: { containers: spec.containers.map(({ name, image }) => ({ name, image })) },
    status: { podIP: status?.podIP, phase: status?.phase, conditions: (status?.conditions ?? []).filter(({ type }) => type === 'Ready').map(({ type, status: is }) => ({ type, status: is })) },
  };
};

/** Kinds that are watched, besides EdgeStores. */
const watched = ['statefulSet', 'service', 'configMap', 'secret', 'pod', 'claim', 'disruptionBudget', 'autoscaler', 'networkPolicy'] as const;
type Watched = (typeof watched)[number];

export interface WorldOptions {
  readonly client: KubeClient;
  /** Empty: all. */
  readonly namespaces: readonly string[];
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** The EdgeStore of that key should be looked at. */
  readonly onChange: (key: string) => void;
  readonly onList: (resource: string) => void;
}

/** `namespace/name` of the EdgeStore that an object belongs to; null: none. */
export function ownerKey({ metadata }: KubeObject): string | null {
  const name = metadata.labels?.[INSTANCE_LABEL];
  return name === undefined ? null : `${metadata.namespace ?? ''}/${name}`;
}

export class World {
  readonly edgestores = new Cache();
  readonly #caches: Readonly<Record<Watched, Cache>>;
  /** Objects of each kind by the EdgeStore that they belong to. */
  readonly #byOwner = new Map<Watched, Map<string, Map<string, KubeObject>>>();
  readonly #reflectors: Reflector<KubeObject>[] = [];

  constructor({ client, namespaces, clock, random, log, onChange, onList }: WorldOptions) {
    this.#caches = Object.fromEntries(watched.map((kind) => [kind, kind === 'pod' ? new Cache(slimPod) : new Cache()])) as Record<Watched, Cache>;
    const scopes = namespaces.length === 0 ? [null] : namespaces;
    const reflect = (resource: Resource, cache: Cache, labelSelector?: string): void => {
      for (const namespace of scopes) {
        this.#reflectors.push(new Reflector({ client, resource, namespace, cache, clock, random, log, onList: () => onList(resource.plural), ...(labelSelector === undefined ? {} : { labelSelector }) }));
      }
    };
    this.edgestores.onChange(({ object }) => onChange(keyOf(object)));
    reflect(kinds.edgestore, this.edgestores);
    for (const kind of watched) {
      const index = new Map<string, Map<string, KubeObject>>();
      this.#byOwner.set(kind, index);
      this.#caches[kind].onChange(({ type, object }) => {
        const owner = ownerKey(object);
        if (owner === null) return;
        const own = index.get(owner) ?? new Map<string, KubeObject>();
        if (type === 'deleted') own.delete(object.metadata.name);
        else own.set(object.metadata.name, object);
        if (own.size === 0) index.delete(owner);
        else index.set(owner, own);
        onChange(owner);
      });
      reflect(kinds[kind], this.#caches[kind], MANAGED_SELECTOR);
    }
  }

  run(): void {
    for (const reflector of this.#reflectors) reflector.run();
  }

  /** Everything has been listed once. */
  async synced(): Promise<void> {
    await Promise.all(this.#reflectors.map((reflector) => reflector.synced));
  }

  async stop(): Promise<void> {
    await Promise.all(this.#reflectors.map((reflector) => reflector.stop()));
  }

  edgestore(key: string): EdgeStore | undefined {
    return this.edgestores.get(key) as unknown as EdgeStore | undefined;
  }

  /** The cache of a kind; null: it is not watched. */
  cacheOf(resource: Resource): Cache | null {
    const kind = watched.find((name) => kinds[name].plural === resource.plural && kinds[name].group === resource.group);
    return kind === undefined ? (resource.plural === kinds.edgestore.plural ? this.edgestores : null) : this.#caches[kind];
  }

  /** Of one EdgeStore, by name. */
  of(kind: Watched, key: string): ReadonlyMap<string, KubeObject> {
    return this.#byOwner.get(kind)?.get(key) ?? new Map();
  }

  /** Pods or claims of one EdgeStore, by ordinal. */
  byOrdinal(kind: 'pod' | 'claim', key: string): Map<number, KubeObject> {
    const found = new Map<number, KubeObject>();
    for (const [name, object] of this.of(kind, key)) {
      const ordinal = ordinalOf(name);
      if (ordinal !== null) found.set(ordinal, object);
    }
    return found;
  }
}
