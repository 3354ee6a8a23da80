/**
 * Keeps a cache equal to what the apiserver has: a list in pages, then a watch from there, with bookmarks; again from the last version when the watch ends,
 * and from a new list when that version is gone (410). As client-go's Reflector.
 *
 * The watch asks the server to end it after 5 to 10 minutes (jittered, so that not all clients come back at once). A link that is dead without saying so
 * is noticed by silence: the server sends a bookmark about every minute.
 */
import type { Clock, Random } from '../../datastore/host/host.ts';
import type { Logger } from '../../datastore/host/log.ts';
import { Backoff } from './backoff.ts';
import type { Cache } from './cache.ts';
import { errorFrom, isExpired } from './client.ts';
import type { KubeClient } from './client.ts';
import { pathOf } from './objects.ts';
import type { KubeObject, Resource } from './objects.ts';

const PAGE = 500;
const WATCH_MIN_S = 300;
/** Longer than bookmarks take, and than a busy apiserver is slow. */
const SILENCE_MS = 180_000;
const RETRY_FIRST_MS = 800;
const RETRY_MAX_MS = 30_000;
/** A watch that lived so long ended well: the next failure is a first one. */
const HEALTHY_MS = 10_000;

export interface ReflectorOptions<T extends KubeObject> {
  readonly client: KubeClient;
  readonly resource: Resource;
  /** null: all. */
  readonly namespace: string | null;
  readonly labelSelector?: string;
  readonly cache: Cache<T>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** For metrics. */
  readonly onList?: () => void;
}

interface List<T> {
  readonly metadata: { readonly resourceVersion: string; readonly continue?: string };
  readonly items?: readonly T[] | null;
}

interface Event<T> {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';
  readonly object: T;
}

export class Reflector<T extends KubeObject> {
  readonly #options: ReflectorOptions<T>;
  readonly #stop = new AbortController();
  readonly #backoff: Backoff;
  /** '' : list first. */
  #version = '';
  #synced: () => void = () => {};
  /** Resolves when the first list is in the cache. */
  readonly synced: Promise<void>;
  #running: Promise<void> = Promise.resolve();

  constructor(options: ReflectorOptions<T>) {
    this.#options = options;
    this.#backoff = new Backoff(options.random, RETRY_FIRST_MS, RETRY_MAX_MS);
    this.synced = new Promise((resolve) => (this.#synced = resolve));
  }

  run(): void {
    this.#running = this.#loop();
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #loop(): Promise<void> {
    const { clock, log, resource } = this.#options;
    while (!this.#stop.signal.aborted) {
      const from = clock.monotonicMs();
      try {
        if (this.#version === '') await this.#list();
        await this.#watch();
        if (clock.monotonicMs() - from >= HEALTHY_MS) this.#backoff.reset();
      } catch (error) {
        if (this.#stop.signal.aborted) return;
        if (isExpired(error)) {
          this.#version = '';
          log.info('the watch cannot be resumed; listing again', { resource: resource.plural, why: error });
        } else {
          log.warn('watching failed; trying again', { resource: resource.plural, error });
        }
      }
      // Also after a clean end: a server that ends every watch at once must not be asked in a tight loop.
      if (clock.monotonicMs() - from >= HEALTHY_MS) this.#backoff.reset();
      await this.#pause(this.#backoff.next());
    }
  }

  async #list(): Promise<void> {
    const { client, resource, namespace, labelSelector, cache, onList } = this.#options;
    const path = pathOf(resource, namespace);
    const items: T[] = [];
    let next: string | undefined;
    let version: string;
    do {
      const page = await client.call({ method: 'GET', path, query: { limit: PAGE, labelSelector, continue: next }, signal: this.#stop.signal }) as unknown as List<T>;
      items.push(...(page.items ?? []));
      next = page.metadata.continue === '' ? undefined : page.metadata.continue;
      version = page.metadata.resourceVersion;
    } while (next !== undefined);
    onList?.();
    cache.replace(items, namespace);
    this.#version = version;
    this.#synced();
  }

  async #watch(): Promise<void> {
    const { client, resource, namespace, labelSelector, cache, random } = this.#options;
    const timeoutSeconds = Math.floor(WATCH_MIN_S * (1 + random.float()));
    const query = { watch: true, allowWatchBookmarks: true, resourceVersion: this.#version, timeoutSeconds, labelSelector };
    for await (const event of client.stream(pathOf(resource, namespace), query, SILENCE_MS, this.#stop.signal) as AsyncIterable<Event<T>>) {
      if (event.type === 'ERROR') {
        const { code } = event.object as unknown as { code?: number };
        throw errorFrom(code ?? 500, JSON.stringify(event.object));
      }
      if (event.type === 'DELETED') cache.delete(event.object);
      else if (event.type !== 'BOOKMARK') cache.set(event.object);
      this.#version = event.object.metadata.resourceVersion ?? this.#version;
    }
  }

  #pause(ms: number): Promise<void> {
    const { signal } = this.#stop;
    if (signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const end = (): void => {
        timer.cancel();
        signal.removeEventListener('abort', end);
        resolve();
      };
      const timer = this.#options.clock.after(ms, end);
      signal.addEventListener('abort', end);
    });
  }
}
