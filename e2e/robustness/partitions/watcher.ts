/**
 * Watches one range at one replica over all its lives, as a client does: from where it was, and when it is told that this is compacted (the replica goes on
 * under a new incarnation) it lists again. Each event comes with what the key was before, which must be what the watcher knows: so a gap shows at once.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import * as pb from '../../../datastore/api/generated/etcdserverpb/rpc.ts';
import type { Ledger } from './ledger.ts';
import type { Rpc, WatchCall } from '../shared/rpc.ts';
import type { Site } from './site.ts';

export class Watcher {
  readonly #site: Site;
  readonly #key: string;
  readonly #end: string;
  readonly #slow: boolean;
  readonly #ledger: Ledger;
  /** Revision of each key that is there. */
  #state = new Map<string, number>();
  /** What it asks for next; 0: list first. */
  #next = 0;
  #seen = 0;
  #call: WatchCall | null = null;
  #progressed = 0;
  events = 0;
  lists = 0;
  resumed = 0;

  constructor(site: Site, key: string, end: string, slow: boolean, ledger: Ledger) {
    this.#site = site;
    this.#key = key;
    this.#end = end;
    this.#slow = slow;
    this.#ledger = ledger;
  }

  async run(over: () => boolean): Promise<void> {
    while (!over()) {
      const { rpc } = this.#site;
      if (rpc === null) {
        await sleep(20);
        continue;
      }
      try {
        if (this.#next === 0) await this.#list(rpc);
        await this.#watch(rpc, over);
      } catch (error) {
        await sleep(200);
        if (this.#site.rpc === rpc) this.#problem(`failed while its replica was up: ${String(error)}`);
      }
    }
  }

  /** Everything up to `revision` has come, within the time; then it knows what `kvs` says. */
  async equals(revision: number, kvs: readonly { readonly key: Buffer; readonly mod_revision: bigint }[], within_ms: number): Promise<void> {
    const deadline = Date.now() + within_ms;
    while (this.#progressed < revision && this.#next <= revision) {
      if (Date.now() > deadline) return this.#problem(`at ${this.#next} of ${revision} after ${within_ms} ms`);
      this.#call?.write(pb.WatchRequest.fromPartial({ request_union: { $case: 'progress_request', value: {} } }));
      await sleep(100);
    }
    const due = kvs.filter((kv) => kv.key.toString() >= this.#key && (this.#end === '\0' || kv.key.toString() < this.#end));
    const wrong = due.find((kv) => this.#state.get(kv.key.toString()) !== Number(kv.mod_revision));
    if (wrong !== undefined || due.length !== this.#state.size) {
      this.#problem(`knows ${this.#state.size} keys, there are ${due.length}; ${wrong === undefined ? '' : `${wrong.key.toString()} is of ${this.#state.get(wrong.key.toString())}, should be ${wrong.mod_revision}`}`);
    }
  }

  #problem(text: string): void {
    this.#ledger.problem(`watcher of ${this.#key} at ${this.#site.name}: ${text}`);
  }

  async #list(rpc: Rpc): Promise<void> {
    const answer = await rpc.range(this.#key, this.#end);
    const revision = Number(answer.header?.revision);
    if (revision < this.#seen) this.#problem(`a list says ${revision} after ${this.#seen}`);
    this.#state = new Map(answer.kvs.map((kv) => [kv.key.toString(), Number(kv.mod_revision)]));
    this.#seen = revision;
    this.#next = revision + 1;
    this.lists++;
  }

  /** Until the stream ends. */
  async #watch(rpc: Rpc, over: () => boolean): Promise<void> {
    const call = rpc.watch();
    this.#call = call;
    this.resumed++;
    call.on('error', () => {});
    const ended = new Promise<void>((resolve) => void call.once('status', () => resolve()));
    call.on('data', (response: pb.WatchResponse) => this.#take(response, call));
    const create = pb.WatchCreateRequest.fromPartial({ key: Buffer.from(this.#key), range_end: Buffer.from(this.#end), start_revision: BigInt(this.#next), prev_kv: true });
    call.write(pb.WatchRequest.fromPartial({ request_union: { $case: 'create_request', value: create } }));
    const look = setInterval(() => {
      if (over() || this.#site.rpc !== rpc) call.cancel();
      else if (this.#slow && !call.isPaused()) {
        call.pause();
        setTimeout(() => call.resume(), 400);
      }
    }, 500);
    await ended;
    clearInterval(look);
    call.resume();
    this.#call = null;
  }

  #take(response: pb.WatchResponse, call: WatchCall): void {
    const header = Number(response.header?.revision);
    if (response.canceled) {
      if (response.compact_revision === 0n) this.#problem(`cancelled: ${response.cancel_reason}`);
      this.#next = 0;
      call.cancel();
      return;
    }
    if (response.events.length === 0) {
      if (response.created) return;
      this.#progressed = Math.max(this.#progressed, header);
      this.#next = Math.max(this.#next, header + 1);
      this.#seen = Math.max(this.#seen, header);
      return;
    }
    let last = 0;
    for (const { kv, prev_kv: prev, type } of response.events) {
      if (kv === undefined) return this.#problem('an event without a key');
      const key = kv.key.toString();
      const revision = Number(kv.mod_revision);
      if (revision < this.#next) this.#problem(`${key}@${revision} came again, or late: ${this.#next} was next`);
      if (revision < last) this.#problem(`${revision} after ${last}`);
      last = revision;
      const known = this.#state.get(key) ?? 0;
      const before = Number(prev?.mod_revision ?? 0n);
      if (before !== known) this.#problem(`${key}@${revision} follows ${before}, known was ${known}`);
      if (type === 1) this.#state.delete(key);
      else this.#state.set(key, revision);
      this.events++;
    }
    this.#seen = Math.max(this.#seen, last);
    this.#next = last + 1;
  }
}
