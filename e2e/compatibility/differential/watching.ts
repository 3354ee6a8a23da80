/** One watch stream, recorded per watcher: how events are packed into messages is the server's own affair, their order is not. */
import type { ClientDuplexStream, ServiceError } from '@grpc/grpc-js';
import * as rpc from '../../../datastore/api/generated/etcdserverpb/rpc.ts';
import type { EtcdClient } from './client.ts';
import { plainError } from './client.ts';
import type { Plain } from './plain.ts';
import { plain } from './plain.ts';

const PROGRESS_ID = -1n;
const TIMEOUT_MS = 15_000;
const RETRY_MS = 50;
/** Longer than etcd takes to look at its unsynchronised watchers (every 100 ms). */
const QUIET_MS = 350;

interface Watcher {
  active: boolean;
  readonly fragment: boolean;
  readonly startRevision: bigint;
  /** Since the last settlement. */
  told: Plain[];
  lastEventRevision: bigint;
  /** The last message said that more of the same follows. */
  inFragment: boolean;
}

export class RecordedStream {
  readonly #stream: ClientDuplexStream<rpc.WatchRequest, rpc.WatchResponse>;
  readonly #watchers = new Map<bigint, Watcher>();
  /** What breaks the rules of a stream by itself, without comparing. */
  readonly violations: string[] = [];
  #expecting: ((message: rpc.WatchResponse) => void) | null = null;
  #awaitingProgress: ((message: rpc.WatchResponse) => void) | null = null;
  #ended: Plain | null = null;
  #wake: (() => void)[] = [];
  /** Watchers that a compaction ended and that were canceled for order's sake. */
  readonly #cleared = new Set<bigint>();
  #lastCreate = rpc.WatchCreateRequest.fromPartial({});

  constructor(client: EtcdClient) {
    this.#stream = client.watch();
    this.#stream.on('data', (message: rpc.WatchResponse) => this.#message(message));
    this.#stream.on('error', (error: ServiceError) => {
      this.#ended = plainError(error);
      this.#wakeAll();
    });
  }

  get active(): bigint[] {
    return [...this.#watchers].filter(([, watcher]) => watcher.active).map(([id]) => id);
  }

  /** @returns the message that answers the creation */
  async create(request: object): Promise<Plain> {
    const create = rpc.WatchCreateRequest.fromPartial(request);
    this.#lastCreate = create;
    const answer = new Promise<Plain>((resolve) => {
      this.#expecting = (message) => resolve(plain(message));
      const ended = (): void => {
        if (this.#ended === null) this.#wake.push(ended);
        else resolve(this.#ended);
      };
      ended();
    });
    this.#stream.write(rpc.WatchRequest.fromPartial({ request_union: { $case: 'create_request', value: create } }));
    return within(answer);
  }

  async cancel(watchId: bigint): Promise<void> {
    this.#sendCancel(watchId);
    const watcher = this.#watchers.get(watchId);
    await this.#until(() => watcher?.active !== true);
  }

  /**
   * Asks for progress until it is granted, then tells what each watcher was told since the last time.
   * @param revision the current one: progress below it answers an earlier question
   */
  async settle(revision: bigint): Promise<Plain> {
    const out: { [name: string]: Plain } = {};
    const progress = await this.#progress(revision);
    if (progress !== null) out['progress'] = progress;
    if (this.#ended !== null) out['ended'] = this.#ended;
    for (const [id, watcher] of this.#watchers) {
      if (watcher.told.length > 0) out[`watcher ${id}`] = watcher.told;
      watcher.told = [];
      if (watcher.inFragment) this.violations.push(`watcher ${id}: the last fragment did not come`);
      if (!watcher.active) this.#watchers.delete(id);
    }
    return out;
  }

  close(): void {
    this.#stream.on('error', () => {});
    this.#stream.cancel();
  }

  async #progress(revision: bigint): Promise<Plain> {
    // A watcher that begins in the future holds back all progress of its stream.
    const early = [...this.#watchers.values()].some((watcher) => watcher.active && watcher.startRevision > revision);
    const deadline = Date.now() + (early ? QUIET_MS : TIMEOUT_MS);
    while (Date.now() < deadline && this.#ended === null && this.active.length > 0) {
      let answer: rpc.WatchResponse | undefined;
      this.#awaitingProgress = (message) => {
        if ((message.header?.revision ?? 0n) >= revision) answer = message;
      };
      this.#stream.write(rpc.WatchRequest.fromPartial({ request_union: { $case: 'progress_request', value: {} } }));
      await this.#until(() => answer !== undefined || this.active.length === 0, RETRY_MS);
      if (answer !== undefined) return plain(answer);
    }
    // Without watchers there is no answer; the last one may have been canceled just now.
    return this.active.length > 0 && !early ? 'no progress' : null;
  }

  #sendCancel(watchId: bigint): void {
    this.#stream.write(rpc.WatchRequest.fromPartial({ request_union: { $case: 'cancel_request', value: { watch_id: watchId } } }));
  }

  #message(message: rpc.WatchResponse): void {
    if (message.created) {
      if (!message.canceled) {
        const { fragment, start_revision: startRevision } = this.#lastCreate;
        this.#watchers.set(message.watch_id, { active: true, fragment, startRevision, told: [], lastEventRevision: 0n, inFragment: false });
      }
      this.#expecting?.(message);
      this.#expecting = null;
    } else if (message.watch_id === PROGRESS_ID && message.events.length === 0 && !message.canceled) {
      this.#awaitingProgress?.(message);
    } else {
      this.#told(message);
    }
    this.#wakeAll();
  }

  #told(message: rpc.WatchResponse): void {
    const id = message.watch_id;
    const watcher = this.#watchers.get(id);
    if (watcher === undefined || !watcher.active) {
      if (message.canceled && this.#cleared.delete(id)) return;
      this.violations.push(`a message for watcher ${id}, which does not exist`);
      return;
    }
    if (message.canceled) {
      watcher.active = false;
      watcher.told.push(plain(message));
      // etcd keeps a watcher that a compaction ended in its books until it is canceled, and grants its stream no progress until then.
      // EdgeStore does not, and has nothing to answer.
      if (message.compact_revision > 0n) {
        this.#cleared.add(id);
        this.#sendCancel(id);
      }
      return;
    }
    if (message.fragment && !watcher.fragment) this.violations.push(`watcher ${id}: a fragment that was not asked for`);
    if (message.events.length === 0) {
      // Periodic progress of one watcher: when it comes is a matter of time.
      return;
    }
    const first = message.events[0]!.kv!.mod_revision;
    if (!watcher.inFragment && first <= watcher.lastEventRevision) this.violations.push(`watcher ${id}: revision ${first} in two messages, or going back`);
    for (const event of message.events) {
      const revision = event.kv!.mod_revision;
      if (revision < watcher.lastEventRevision) this.violations.push(`watcher ${id}: revision ${revision} after ${watcher.lastEventRevision}`);
      watcher.lastEventRevision = revision;
      watcher.told.push(plain(event));
    }
    const header = message.header?.revision ?? 0n;
    if (header < watcher.lastEventRevision) this.violations.push(`watcher ${id}: header at ${header} with an event of ${watcher.lastEventRevision}`);
    watcher.inFragment = message.fragment;
  }

  async #until(condition: () => boolean, timeout_ms = TIMEOUT_MS): Promise<void> {
    const deadline = Date.now() + timeout_ms;
    while (!condition() && this.#ended === null) {
      const left = deadline - Date.now();
      if (left <= 0) return;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#wake.push(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
  }

  #wakeAll(): void {
    for (const wake of this.#wake.splice(0)) wake();
  }
}

async function within(answer: Promise<Plain>): Promise<Plain> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<Plain>((resolve) => {
    timer = setTimeout(() => resolve('no answer in time'), TIMEOUT_MS);
  });
  const result = await Promise.race([answer, late]);
  clearTimeout(timer);
  return result;
}
