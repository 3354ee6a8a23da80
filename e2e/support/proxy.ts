/**
 * A TCP proxy that delays what it forwards, slows it down, holds one direction up, or cuts the link. The kernel here has no netem, so a wide-area link
 * between two members is such a proxy in front of a member's peer address.
 */
import { connect, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { LOOPBACK } from './ports.ts';

/** A link buffers at most this much each way, as a real one is bounded by its bandwidth times its delay. */
const BUFFER_MAX_BYTES = 64 * 1024 * 1024;
/** How often a direction that is held up looks whether it still is. */
const LOOK_MS = 20;
/** Of a chunk that is larger a slow link sends this much at a time. */
const PIECE_BYTES = 16_384;

/** How one direction behaves; may be changed at any time. */
export interface Way {
  /** Each chunk arrives this much later. */
  delay_ms: number;
  /** Nothing gets through, and nobody is told: what was sent arrives when it is over, if the connection still stands. */
  held: boolean;
  /** Infinity: at once. */
  bytesPerSecond: number;
}

export const openWay = (delay_ms = 0): Way => ({ delay_ms, held: false, bytesPerSecond: Infinity });

interface Parcel {
  readonly due_ms: number;
  /** null: the end. */
  readonly chunk: Buffer | null;
}

/** Forwards `from` to `to` in order, as `way` says. */
class Pipe {
  readonly #from: Socket;
  readonly #to: Socket;
  readonly #way: Way;
  readonly #queue: Parcel[] = [];
  #queued_bytes = 0;
  #free_ms = 0;
  #timer: NodeJS.Timeout | null = null;

  constructor(from: Socket, to: Socket, way: Way) {
    this.#from = from;
    this.#to = to;
    this.#way = way;
    from.on('data', (chunk: Buffer) => {
      this.#queued_bytes += chunk.length;
      if (this.#queued_bytes > BUFFER_MAX_BYTES) from.pause();
      const piece = way.bytesPerSecond === Infinity ? chunk.length : PIECE_BYTES;
      for (let at = 0; at < chunk.length; at += piece) this.#enqueue(chunk.subarray(at, at + piece));
    });
    const end = (): void => this.#enqueue(null);
    from.once('end', end);
    from.on('error', () => to.destroy());
    from.once('close', end);
    to.once('close', () => {
      if (this.#timer !== null) clearTimeout(this.#timer);
    });
  }

  #enqueue(chunk: Buffer | null): void {
    // A delay that is lowered meanwhile must not let a later chunk overtake an earlier one: they leave in the order of the queue.
    this.#queue.push({ due_ms: performance.now() + this.#way.delay_ms, chunk });
    if (this.#timer === null) this.#pump();
  }

  #pump(): void {
    this.#timer = null;
    for (let head = this.#queue[0]; head !== undefined; head = this.#queue[0]) {
      const wait_ms = this.#way.held ? LOOK_MS : Math.max(head.due_ms, this.#free_ms) - performance.now();
      if (wait_ms > 0) {
        this.#timer = setTimeout(() => this.#pump(), wait_ms);
        return;
      }
      this.#queue.shift();
      this.#deliver(head.chunk);
    }
  }

  #deliver(chunk: Buffer | null): void {
    if (chunk === null) {
      if (!this.#to.destroyed) this.#to.end();
      return;
    }
    this.#queued_bytes -= chunk.length;
    this.#free_ms = Math.max(this.#free_ms, performance.now()) + (chunk.length / this.#way.bytesPerSecond) * 1_000;
    if (this.#from.isPaused() && this.#queued_bytes <= BUFFER_MAX_BYTES) this.#from.resume();
    if (!this.#to.destroyed) this.#to.write(chunk);
  }
}

/** One listening port that leads to another one. */
export class TcpProxy {
  /** From who connects to the target, and back. */
  readonly forth: Way;
  readonly back: Way;
  private readonly targetPort: number;
  private readonly server: Server;
  private readonly sockets = new Set<Socket>();
  private isCut = false;

  private constructor(targetPort: number, forth: Way, back: Way) {
    this.targetPort = targetPort;
    this.forth = forth;
    this.back = back;
    this.server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => this.accept(client));
  }

  /** Listens on `port` (0: any free one) of `host` and forwards to `targetPort`, both on the loopback interface. */
  static async start(
    targetPort: number,
    options: { readonly delay_ms?: number; readonly port?: number; readonly host?: string; readonly forth?: Way; readonly back?: Way } = {},
  ): Promise<TcpProxy> {
    const proxy = new TcpProxy(targetPort, options.forth ?? openWay(options.delay_ms), options.back ?? openWay(options.delay_ms));
    await new Promise<void>((resolve, reject) => {
      proxy.server.once('error', reject);
      proxy.server.listen(options.port ?? 0, options.host ?? LOOPBACK, resolve);
    });
    return proxy;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  /** Breaks all connections and refuses new ones until `heal`. */
  cut(): void {
    this.isCut = true;
    this.reset();
  }

  /** Breaks all connections. */
  reset(): void {
    for (const socket of this.sockets) socket.destroy();
  }

  /** Lets connections through again. */
  heal(): void {
    this.isCut = false;
  }

  /** Breaks all connections and stops listening. */
  async stop(): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private accept(client: Socket): void {
    this.keep(client);
    if (this.isCut) {
      client.destroy();
      return;
    }
    const target = connect({ port: this.targetPort, host: LOOPBACK, noDelay: true, allowHalfOpen: true });
    this.keep(target);
    new Pipe(client, target, this.forth);
    new Pipe(target, client, this.back);
  }

  private keep(socket: Socket): void {
    this.sockets.add(socket);
    socket.on('error', () => undefined); // 'close' follows, and is what both sides act on
    socket.on('close', () => this.sockets.delete(socket));
  }
}
