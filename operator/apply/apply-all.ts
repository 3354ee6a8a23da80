/** Writes the objects of an EdgeStore: what differs, and nothing that belongs to somebody else. Takes away what is not wanted any more. */
import { kinds } from '../desired/kinds.ts';
import type { Wanted } from '../desired/kinds.ts';
import type { EdgeStore } from '../resource/edgestore.ts';
import type { Applier } from '../runtime/apply.ts';
import type { Cache } from '../runtime/cache.ts';
import { ApiError, isConflict, isNotFound } from '../runtime/client.ts';
import type { KubeClient } from '../runtime/client.ts';
import { keyOf, pathOf } from '../runtime/objects.ts';
import type { KubeObject, Resource } from '../runtime/objects.ts';
import type { Problem } from '../scale/plan.ts';

export const isOwnedBy = (object: KubeObject, { metadata: { uid } }: EdgeStore): boolean => object.metadata.ownerReferences?.some((owner) => owner.uid === uid) === true;

export class ObjectWriter {
  readonly #client: KubeClient;
  readonly #applier: Applier;
  readonly #cacheOf: (resource: Resource) => Cache | null;
  /** Hashes of what is not watched, as it was applied last. */
  readonly #unwatched = new Map<string, KubeObject>();
  readonly #absent = new Set<string>();

  constructor(client: KubeClient, applier: Applier, cacheOf: (resource: Resource) => Cache | null) {
    this.#client = client;
    this.#applier = applier;
    this.#cacheOf = cacheOf;
  }

  /**
   * @param mayBeForeign its owner need not be this EdgeStore (the identity, which outlives it)
   * @returns what a person must see to; null: it is as it is wanted
   * @throws ApiError of what will pass: conflicts, an apiserver that is overloaded or away
   */
  async write(store: EdgeStore, { resource, object }: Wanted, { mayBeForeign = false, resourceVersion }: { readonly mayBeForeign?: boolean; readonly resourceVersion?: string | undefined } = {}): Promise<Problem | null> {
    const cache = this.#cacheOf(resource);
    const key = keyOf(object);
    let live = cache === null ? this.#unwatched.get(`${resource.plural}/${key}`) : cache.get(key);
    try {
      // What does not bear the operator's labels is not in the cache: it may be there, and somebody else's.
      if (live === undefined) {
        live = await this.#client.call({ method: 'GET', path: pathOf(resource, object.metadata.namespace ?? null, object.metadata.name) }).catch((error: unknown) => {
          if (isNotFound(error)) return undefined;
          throw error;
        });
      }
      if (live !== undefined && !mayBeForeign && !isOwnedBy(live, store)) {
        return live.metadata.deletionTimestamp !== undefined ? { reason: 'NameTaken', message: `${resource.kind} ${object.metadata.name} of an earlier EdgeStore is being deleted` }
          : { reason: 'NameTaken', message: `there is a ${resource.kind} ${object.metadata.name} that is not this EdgeStore's: it is left alone` };
      }
      const versioned = resourceVersion === undefined ? object : { ...object, metadata: { ...object.metadata, resourceVersion } };
      const { object: made, result } = await this.#applier.apply(resource, versioned, live);
      if (result === 'applied') {
        if (cache === null) {
          this.#unwatched.set(`${resource.plural}/${key}`, made);
          this.#absent.delete(`${resource.plural}/${key}`);
        }
        else cache.learn(made);
      }
      return null;
    } catch (error) {
      if (!(error instanceof ApiError) || isConflict(error) || error.status === 429 || error.status >= 500) throw error;
      // The kind itself is unknown: an extension that is not installed.
      if (cache === null && error.status === 404) return resource.group === kinds.podMonitor.group ? null : { reason: 'KindMissing', message: `the cluster has no ${resource.kind} (${resource.group}): not made` };
      return { reason: 'ApplyFailed', message: `${resource.kind} ${object.metadata.name}: ${error.message}` };
    }
  }

  /** The same for a kind that is not watched: it is looked for once, and again after it has been written. */
  async removeUnwatched(store: EdgeStore, resource: Resource, name: string): Promise<void> {
    const { namespace } = store.metadata;
    const key = `${resource.plural}/${namespace}/${name}`;
    if (this.#absent.has(key)) return;
    const live = await this.#client.call({ method: 'GET', path: pathOf(resource, namespace, name) }).catch((error: unknown) => {
      if (isNotFound(error)) return null;
      throw error;
    });
    if (live !== null) await this.remove(store, resource, live);
    this.#unwatched.delete(key);
    this.#absent.add(key);
  }

  /** Deletes it if it is this EdgeStore's, and nobody has put another in its place. */
  async remove(store: EdgeStore, resource: Resource, live: KubeObject): Promise<void> {
    if (!isOwnedBy(live, store) || live.metadata.deletionTimestamp !== undefined) return;
    await this.delete(resource, live);
  }

  /** Deletes this very object. */
  async delete(resource: Resource, { metadata: { namespace, name, uid } }: KubeObject): Promise<void> {
    try {
      const answer = await this.#client.call({ method: 'DELETE', path: pathOf(resource, namespace ?? null, name), body: { kind: 'DeleteOptions', apiVersion: 'v1', preconditions: { uid }, propagationPolicy: 'Background' } });
      // It goes once what holds it lets go: known at once, so that it is not deleted twice.
      if (answer.metadata?.uid === uid && answer.metadata.deletionTimestamp !== undefined) this.#cacheOf(resource)?.learn(answer);
    } catch (error) {
      if (!isNotFound(error) && !isConflict(error)) throw error;
    }
    this.#applier.forget(resource, `${namespace ?? ''}/${name}`);
  }
}
