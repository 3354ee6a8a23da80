import * as pb from '../../../datastore/api/generated/etcdserverpb/rpc.ts';
import type { Random } from '../../compatibility/differential/random.ts';
import type { Ledger } from './ledger.ts';
import type { Rpc, WatchCall } from '../shared/rpc.ts';

export interface Event {
  readonly revision: number;
  readonly key: string;
  /** null: deleted. */
  readonly value: string | null;
  readonly version: number;
  readonly createRevision: number;
  /** Of the previous value that came with it; 0: none came. */
  readonly prevRevision: number;
}

export interface Interest {
  readonly name: string;
  readonly key: string;
  readonly end: string;
  readonly prevKv: boolean;
  /** Asks for progress again and again, and resumes from what the answers claim. */
  readonly progress: boolean;
  /** Stops reading now and then. */
  readonly slow: boolean;
}

export const covers = ({ key, end }: Interest, candidate: string): boolean =>
  end === '' ? candidate === key : candidate >= key && (end === '\0' || candidate < end);

/** Watches one range over all the server's lives, each time from where it got to, as clients do. */
export class Watcher {
  readonly interest: Interest;
  readonly events: Event[] = [];
  readonly from: number;
  /** What it will ask for when it comes back. */
  next: number;
  resumed = 0;
  /** The highest revision that an answer to a progress request named. */
  progressed = 0;
  readonly #ledger: Ledger;
  readonly #random: Random;
  #call: WatchCall | null = null;
  #ended: Promise<void> = Promise.resolve();
  #timers: NodeJS.Timeout[] = [];

  constructor(interest: Interest, from: number, ledger: Ledger, random: Random) {
    this.interest = interest;
    this.from = this.next = from;
    this.#ledger = ledger;
    this.#random = random;
  }

  connect(rpc: Rpc): void {
    const { key, end, prevKv, progress, slow } = this.interest;
    const call = rpc.watch();
    this.#call = call;
    this.resumed++;
    let created = false;
    call.on('error', () => {});
    this.#ended = new Promise((resolve) => void call.once('status', () => resolve()));
    call.on('data', (response: pb.WatchResponse) => {
      // What a dead server's connection still holds counts no less.
      if (!created && !response.created) this.#problem('something came before `created`');
      if (response.created) created = true;
      this.#take(response);
    });
    const create = pb.WatchCreateRequest.fromPartial({ key: Buffer.from(key), range_end: Buffer.from(end), start_revision: BigInt(this.next), prev_kv: prevKv });
    call.write(pb.WatchRequest.fromPartial({ request_union: { $case: 'create_request', value: create } }));
    if (progress) this.#timers.push(setInterval(() => this.askProgress(), 20));
    if (slow) {
      this.#timers.push(setInterval(() => {
        call.pause();
        this.#timers.push(setTimeout(() => call.resume(), this.#random.below(150)));
      }, 250));
    }
  }

  askProgress(): void {
    this.#call?.write(pb.WatchRequest.fromPartial({ request_union: { $case: 'progress_request', value: {} } }));
  }

  disconnect(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers = [];
    this.#call?.resume();
    this.#call?.cancel();
    this.#call = null;
  }

  /** The server is dead: what had arrived before counts, and is waited for. */
  lost(): Promise<void> {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers = [];
    this.#call?.resume();
    this.#call = null;
    return this.#ended;
  }

  #problem(text: string): void {
    this.#ledger.problem(`watcher ${this.interest.name}: ${text}`);
  }

  #take(response: pb.WatchResponse): void {
    const header = Number(response.header?.revision);
    if (response.canceled) return this.#problem(`canceled, compact revision ${response.compact_revision}, reason "${response.cancel_reason}", wanted ${this.next}`);
    if (response.events.length === 0) {
      if (response.created) return;
      this.#ledger.see(header);
      this.progressed = Math.max(this.progressed, header);
      // From an old connection this may come late, but then it says less than is known.
      this.next = Math.max(this.next, header + 1);
      return;
    }
    let last = 0;
    for (const event of response.events) {
      const { kv, prev_kv: prev } = event;
      if (kv === undefined) return this.#problem('an event without a key');
      const revision = Number(kv.mod_revision);
      if (revision < this.next) this.#problem(`${kv.key.toString()}@${revision} came again, or late: ${this.next} was next`);
      if (revision < last) this.#problem(`${revision} after ${last}`);
      last = revision;
      const deleted = event.type === 1;
      if (this.interest.prevKv && (deleted || kv.version > 1n) && prev === undefined) this.#problem(`${kv.key.toString()}@${revision} came without its previous value`);
      this.events.push({
        revision, key: kv.key.toString(), value: deleted ? null : kv.value.toString(), version: Number(kv.version),
        createRevision: Number(kv.create_revision), prevRevision: Number(prev?.mod_revision ?? 0n),
      });
    }
    if (header < last) this.#problem(`the header says ${header}, the events ${last}`);
    this.#ledger.see(last);
    this.next = last + 1;
  }
}
