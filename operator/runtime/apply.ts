/**
 * Server-side apply with one field manager: only the fields that the operator owns, plain objects, `force` (what it owns is its own). What would change
 * nothing is not sent.
 *
 * The hash of what was applied stands in an annotation: a field that is not wanted any more is seen by it (and dropped by the apiserver), also by an operator
 * that did not apply the object itself. What others changed is seen by comparing each wanted field with what is there.
 */
import { createHash } from 'node:crypto';
import type { KubeClient } from './client.ts';
import { keyOf, pathOf } from './objects.ts';
import type { KubeObject, Resource } from './objects.ts';

export const FIELD_MANAGER = 'edgestore-operator';
export const HASH_ANNOTATION = 'edgestore.dev/applied';

/** JSON with sorted keys: the same for the same content. */
export function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (value === null || typeof value !== 'object') return JSON.stringify(value) ?? 'null';
  const entries = Object.entries(value).filter(([, v]) => v !== undefined).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([k, v]) => `${JSON.stringify(k)}:${canonical(v)}`).join(',')}}`;
}

export const hashOf = (value: unknown): string => createHash('sha256').update(canonical(value)).digest('hex').slice(0, 16);

/** Is every field of `wanted` in `live`, as it is wanted? Lists must agree in length and order; what the apiserver added to elements is no difference. */
export function holds(wanted: unknown, live: unknown): boolean {
  if (wanted === undefined) return true;
  if (Array.isArray(wanted)) return wanted.length === 0 ? live === undefined || (Array.isArray(live) && live.length === 0) : Array.isArray(live) && live.length === wanted.length && wanted.every((item, i) => holds(item, live[i]));
  if (wanted !== null && typeof wanted === 'object') {
    const entries = Object.entries(wanted);
    if (entries.length === 0) return live === undefined || (live !== null && typeof live === 'object');
    return live !== null && typeof live === 'object' && entries.every(([key, value]) => holds(value, (live as Record<string, unknown>)[key]));
  }
  return wanted === live;
}

export interface Applied {
  readonly object: KubeObject;
  readonly result: 'applied' | 'unchanged';
}

export class Applier {
  readonly #client: KubeClient;
  readonly #onResult: (kind: string, result: Applied['result']) => void;
  /** What the apiserver made of the last apply, by object: values that it writes in another form (`1000m`) differ from what is wanted, and are the same. */
  readonly #settled = new Map<string, { readonly hash: string; readonly spec: string }>();

  constructor(client: KubeClient, onResult: (kind: string, result: Applied['result']) => void = () => {}) {
    this.#client = client;
    this.#onResult = onResult;
  }

  /**
   * @param wanted with metadata.resourceVersion: only if the object is still at that version, else ApiError 409
   * @param live what is there, as the cache has it; undefined: nothing, or unknown
   * @throws ApiError
   */
  async apply(resource: Resource, wanted: KubeObject, live: KubeObject | undefined): Promise<Applied> {
    const { resourceVersion: _, ...metadata } = wanted.metadata;
    const hash = hashOf({ ...wanted, metadata });
    const key = `${resource.plural}/${keyOf(wanted)}`;
    if (live !== undefined && live.metadata.annotations?.[HASH_ANNOTATION] === hash) {
      const settled = this.#settled.get(key);
      if (holds({ ...wanted, metadata }, { ...live, apiVersion: wanted.apiVersion, kind: wanted.kind }) || (settled?.hash === hash && settled.spec === bodyOf(live))) {
        this.#onResult(resource.kind, 'unchanged');
        return { object: live, result: 'unchanged' };
      }
    }
    const object = await this.force(resource, { ...wanted, metadata: { ...wanted.metadata, annotations: { ...wanted.metadata.annotations, [HASH_ANNOTATION]: hash } } });
    this.#settled.set(key, { hash, spec: bodyOf(object) });
    this.#onResult(resource.kind, 'applied');
    return { object, result: 'applied' };
  }

  /** Applies without looking. `subresource`: `status`. */
  force(resource: Resource, wanted: KubeObject, subresource?: string): Promise<KubeObject> {
    const { namespace = null, name } = wanted.metadata;
    return this.#client.call({
      method: 'PATCH',
      path: pathOf(resource, namespace, name, subresource),
      query: { fieldManager: FIELD_MANAGER, force: true },
      contentType: 'application/apply-patch+yaml',
      body: wanted,
    });
  }

  /** The object is gone: nothing needs to be remembered of it. */
  forget(resource: Resource, key: string): void {
    this.#settled.delete(`${resource.plural}/${key}`);
  }
}

/** All but status and bookkeeping. */
function bodyOf(object: KubeObject): string {
  const { status: _, metadata, apiVersion: __, kind: ___, ...body } = object;
  return hashOf({ ...body, labels: metadata.labels, annotations: metadata.annotations, owners: metadata.ownerReferences });
}
