/** What a reflector knows of one kind of objects: the newest state of each, without what nobody here reads. */
import { keyOf } from './objects.ts';
import type { KubeObject } from './objects.ts';

export type Change = { readonly type: 'added' | 'changed' | 'deleted'; readonly object: KubeObject; readonly before: KubeObject | null };

/** managedFields are often half of an object, and no business of a controller's. */
function lean<T extends KubeObject>(object: T): T {
  const { managedFields: _, ...metadata } = object.metadata as T['metadata'] & { managedFields?: unknown };
  return { ...object, metadata };
}

/** Of the same object: resource versions are comparable as numbers (Kubernetes 1.35; all apiservers before it made them so). */
function isOlder(a: KubeObject, b: KubeObject): boolean {
  return a.metadata.uid === b.metadata.uid && BigInt(a.metadata.resourceVersion ?? '0') < BigInt(b.metadata.resourceVersion ?? '0');
}

const GONE_KEPT = 2_000;

export class Cache<T extends KubeObject = KubeObject> {
  #objects = new Map<string, T>();
  readonly #listeners: ((change: Change) => void)[] = [];
  readonly #slim: (object: T) => T;
  /** Uids of what has been deleted lately. */
  readonly #gone = new Set<string>();

  /** @param slim drops what need not be kept */
  constructor(slim: (object: T) => T = (object) => object) {
    this.#slim = slim;
  }

  onChange(fn: (change: Change) => void): void {
    this.#listeners.push(fn);
  }

  get(key: string): T | undefined {
    return this.#objects.get(key);
  }

  get size(): number {
    return this.#objects.size;
  }

  values(): IterableIterator<T> {
    return this.#objects.values();
  }

  /** All there is of a namespace (null: of all), from a list: what is missing in it is gone. */
  replace(objects: readonly T[], namespace: string | null): void {
    const before = this.#objects;
    const listed = new Map(objects.map((object) => [keyOf(object), this.#slim(lean(object))]));
    const others = [...before].filter(([, { metadata }]) => namespace !== null && metadata.namespace !== namespace);
    this.#objects = new Map([...others, ...listed]);
    for (const [key, object] of listed) {
      const old = before.get(key) ?? null;
      if (old === null || old.metadata.resourceVersion !== object.metadata.resourceVersion) this.#tell({ type: old === null ? 'added' : 'changed', object, before: old });
    }
    for (const [key, object] of before) if (!this.#objects.has(key)) this.#tell({ type: 'deleted', object, before: object });
  }

  /** What a write of one's own made of it. The watch may have told of its deletion already. */
  learn(raw: T): void {
    if (!this.#gone.has(raw.metadata.uid ?? '')) this.set(raw);
  }

  /** From a watch: what is older than what is known is no news. */
  set(raw: T): void {
    const object = this.#slim(lean(raw));
    const before = this.#objects.get(keyOf(object)) ?? null;
    if (before !== null && isOlder(object, before)) return;
    this.#objects.set(keyOf(object), object);
    this.#tell({ type: before === null ? 'added' : 'changed', object, before });
  }

  /** From a watch. */
  delete(raw: T): void {
    const before = this.#objects.get(keyOf(raw)) ?? null;
    this.#gone.add(raw.metadata.uid ?? '');
    if (this.#gone.size > GONE_KEPT) this.#gone.delete(this.#gone.values().next().value as string);
    this.#objects.delete(keyOf(raw));
    // The last state of the object, as the watch gives it: what it was when it went.
    this.#tell({ type: 'deleted', object: this.#slim(lean(raw)), before });
  }

  #tell(change: Change): void {
    for (const fn of this.#listeners) fn(change);
  }
}
