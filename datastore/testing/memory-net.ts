/**
 * A network in memory, driven by the test's clock and seed.
 *
 * A link is what a WebSocket over TCP gives: whole messages, in order, each at most once. So "loss" is a link that breaks and
 * takes the messages under way with it, and a cut direction holds messages back (TCP sends them again) until it heals or the
 * link is closed. Messages on different links overtake each other by their random delays.
 */
import type { Clock, Link, Network } from '../host/host.ts';
import type { SimRandom } from './sim-random.ts';

/** How one direction between two machines behaves. */
export interface Path {
  /** Least one-way delay. */
  delayMs: number;
  /** Up to this much more, drawn for each message. */
  jitterMs: number;
  /** Sending speed; Infinity: at once. */
  bytesPerMs: number;
  /** True: nothing gets through, nothing is answered. */
  cut: boolean;
}

const CLOSED_ABNORMALLY = 1006;
/** How long a connection attempt into a cut waits before it fails. */
const DIAL_TIMEOUT_MS = 3_000;

export interface MemoryNetOptions {
  readonly clock: Clock;
  readonly random: SimRandom;
  readonly defaults?: Partial<Path>;
}

export class MemoryNet {
  readonly clock: Clock;
  readonly random: SimRandom;
  readonly #defaults: Path;
  readonly #paths = new Map<string, Path>();
  readonly #listeners = new Map<string, { machine: string; onLink: (link: Link) => void }>();
  readonly #links = new Set<MemoryLink>();
  /** Messages and bytes that arrived. */
  readonly stats = { messages: 0, bytes: 0, dials: 0, breaks: 0 };

  constructor(options: MemoryNetOptions) {
    this.clock = options.clock;
    this.random = options.random;
    this.#defaults = { delayMs: 1, jitterMs: 0.5, bytesPerMs: Infinity, cut: false, ...options.defaults };
  }

  /** The network as one machine sees it. */
  machine(name: string): Network {
    return {
      dial: (url, address) => this.#dial(name, address === undefined ? url : url.replace(new URL(url).hostname, address)),
      listen: (url, onLink) => {
        if (this.#listeners.has(url)) return Promise.reject(new Error(`address in use: ${url}`));
        const entry = { machine: name, onLink };
        this.#listeners.set(url, entry);
        return Promise.resolve({
          close: () => {
            if (this.#listeners.get(url) === entry) this.#listeners.delete(url);
            return Promise.resolve();
          },
        });
      },
    };
  }

  /** The direction from one machine to another; change its fields at will, through `shape` if messages wait in a cut. */
  path(from: string, to: string): Path {
    const key = `${from}>${to}`;
    let path = this.#paths.get(key);
    if (path === undefined) this.#paths.set(key, (path = { ...this.#defaults }));
    return path;
  }

  shape(from: string, to: string, change: Partial<Path>): void {
    Object.assign(this.path(from, to), change);
    for (const link of this.#links) if (link.from === from && link.to === to) link.pump();
  }

  /** Cuts one direction. Links stay up and stall; what was sent arrives after `heal`, unless the link was closed meanwhile. */
  cutOneWay(from: string, to: string): void {
    this.shape(from, to, { cut: true });
  }

  cut(a: string, b: string): void {
    this.cutOneWay(a, b);
    this.cutOneWay(b, a);
  }

  heal(a: string, b: string): void {
    this.shape(a, b, { cut: false });
    this.shape(b, a, { cut: false });
  }

  /** Cuts everything between different groups, heals everything within one. */
  partition(...groups: readonly (readonly string[])[]): void {
    groups.forEach((group, i) => {
      for (const a of group) {
        groups.forEach((other, j) => {
          for (const b of other) {
            if (i !== j) this.cut(a, b);
            else if (a !== b) this.heal(a, b);
          }
        });
      }
    });
  }

  /** Every link between the two breaks now: what is under way is lost, both ends learn it at once (a reset). */
  breakLinks(a: string, b: string): void {
    for (const link of [...this.#links]) {
      if ((link.from === a && link.to === b) || (link.from === b && link.to === a)) {
        this.stats.breaks++;
        link.die(CLOSED_ABNORMALLY, 'reset');
      }
    }
  }

  /** A machine goes away. `reset`: its peers' links break (the process died). `silent`: they hear nothing (power, cable). */
  crash(name: string, how: 'reset' | 'silent' = 'reset'): void {
    for (const [url, entry] of this.#listeners) if (entry.machine === name) this.#listeners.delete(url);
    for (const link of [...this.#links]) {
      if (link.from === name) link.vanish();
      else if (link.to === name && how === 'reset') link.die(CLOSED_ABNORMALLY, 'reset');
    }
  }

  /** Established link ends between two machines, as `from` sees them. */
  linksBetween(from: string, to: string): number {
    let n = 0;
    for (const link of this.#links) if (link.from === from && link.to === to) n++;
    return n;
  }

  forget(link: MemoryLink): void {
    this.#links.delete(link);
  }

  delayOf(path: Path): number {
    return path.delayMs + path.jitterMs * this.random.float();
  }

  #dial(from: string, url: string): Promise<Link> {
    this.stats.dials++;
    return new Promise((resolve, reject) => {
      const to = this.#listeners.get(url)?.machine;
      if (to === undefined || this.path(from, to).cut || this.path(to, from).cut) {
        const wait = to === undefined ? this.#defaults.delayMs * 2 : DIAL_TIMEOUT_MS;
        this.clock.after(wait, () => reject(new Error(to === undefined ? `connection refused: ${url}` : `connection timed out: ${url}`)));
        return;
      }
      this.clock.after(this.delayOf(this.path(from, to)) + this.delayOf(this.path(to, from)), () => {
        const listener = this.#listeners.get(url);
        if (listener === undefined) return reject(new Error(`connection refused: ${url}`));
        const here = new MemoryLink(this, from, to);
        const there = new MemoryLink(this, to, from);
        here.other = there;
        there.other = here;
        this.#links.add(here).add(there);
        listener.onLink(there);
        resolve(here);
      });
    });
  }
}

interface Parcel {
  readonly message: Uint8Array | null;
  readonly close: { code: number; reason: string } | null;
}

class MemoryLink implements Link {
  readonly from: string;
  readonly to: string;
  readonly #net: MemoryNet;
  other: MemoryLink | null = null;
  onMessage: (message: Uint8Array) => void = () => {};
  onClose: (code: number, reason: string) => void = () => {};
  bufferedBytes = 0;
  /** Sent, not yet departed, in order. */
  readonly #queue: Parcel[] = [];
  #pumping = false;
  /** No message may arrive before the one sent before it. */
  #lastArrival = 0;
  #open = true;
  #closing = false;

  constructor(net: MemoryNet, from: string, to: string) {
    this.#net = net;
    this.from = from;
    this.to = to;
  }

  get remote(): string {
    return this.to;
  }

  send(message: Uint8Array): void {
    if (!this.#open || this.#closing) return;
    this.bufferedBytes += message.length;
    // A copy: nobody may rely on the sender's later changes, nor suffer from them.
    this.#enqueue({ message: message.slice(), close: null });
  }

  /** Sends a close after everything queued, and receives nothing more. This end is told when the other has taken it. */
  close(code: number, reason: string): void {
    if (!this.#open || this.#closing) return;
    this.#closing = true;
    this.#enqueue({ message: null, close: { code, reason } });
  }

  /** The link is gone and both ends are told. */
  die(code: number, reason: string): void {
    for (const end of [this, this.other]) {
      if (end === null || !end.#open) continue;
      end.vanish();
      this.#net.clock.soon(() => end.onClose(code, reason));
    }
  }

  /** This end is gone and hears nothing more. */
  vanish(): void {
    this.#open = false;
    this.#queue.length = 0;
    this.bufferedBytes = 0;
    this.#net.forget(this);
  }

  /** Lets parcels depart as speed and cuts allow. */
  pump(): void {
    if (this.#pumping) return;
    for (;;) {
      const parcel = this.#queue[0];
      const path = this.#net.path(this.from, this.to);
      if (parcel === undefined || !this.#open || path.cut) return;
      const departIn = parcel.message === null ? 0 : parcel.message.length / path.bytesPerMs;
      if (departIn > 0) {
        this.#pumping = true;
        this.#net.clock.after(departIn, () => {
          this.#pumping = false;
          if (!this.#open) return;
          if (!this.#net.path(this.from, this.to).cut) this.#depart(parcel);
          this.pump();
        });
        return;
      }
      this.#depart(parcel);
    }
  }

  #depart(parcel: Parcel): void {
    this.#queue.shift();
    this.bufferedBytes -= parcel.message?.length ?? 0;
    this.#carry(parcel);
  }

  #enqueue(parcel: Parcel): void {
    this.#queue.push(parcel);
    this.pump();
  }

  #carry(parcel: Parcel): void {
    const now = this.#net.clock.monotonicMs();
    const arrival = Math.max(this.#lastArrival, now + this.#net.delayOf(this.#net.path(this.from, this.to)));
    this.#lastArrival = arrival;
    this.#net.clock.after(arrival - now, () => this.#arrive(parcel));
  }

  #arrive(parcel: Parcel): void {
    const other = this.other;
    if (other === null || !other.#open) return;
    if (parcel.close !== null) {
      const { code, reason } = parcel.close;
      other.vanish();
      this.vanish();
      this.#net.clock.after(this.#net.delayOf(this.#net.path(this.to, this.from)), () => this.onClose(code, reason));
      return other.onClose(code, reason);
    }
    if (other.#closing || !this.#open) return;
    const message = parcel.message as Uint8Array;
    this.#net.stats.messages++;
    this.#net.stats.bytes += message.length;
    other.onMessage(message);
  }
}
