/**
 * A TCP proxy that delays what it forwards, or cuts the link. The kernel here has no netem, so a wide-area link between
 * two members is such a proxy in front of a member's peer address.
 */
import { connect, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { LOOPBACK } from './ports.ts';

/** A link buffers at most this much each way, as a real one is bounded by its bandwidth times its delay. */
const BUFFER_MAX_BYTES = 64 * 1024 * 1024;

/** Forwards `from` to `to` in order, each chunk `delay()` ms after it came. */
function forward(from: Socket, to: Socket, delay_ms: () => number): void {
  let queued_bytes = 0;
  let lastDue_ms = 0;
  const later = (action: () => void): void => {
    // A delay that is lowered meanwhile must not let a later chunk overtake an earlier one.
    const due_ms = Math.max(lastDue_ms, performance.now() + delay_ms());
    lastDue_ms = due_ms;
    const wait_ms = due_ms - performance.now();
    if (wait_ms <= 0) action();
    else setTimeout(action, wait_ms);
  };
  from.on('data', (chunk: Buffer) => {
    queued_bytes += chunk.length;
    if (queued_bytes > BUFFER_MAX_BYTES) from.pause();
    later(() => {
      queued_bytes -= chunk.length;
      if (from.isPaused() && queued_bytes <= BUFFER_MAX_BYTES) from.resume();
      if (!to.destroyed) to.write(chunk);
    });
  });
  from.on('end', () => later(() => { if (!to.destroyed) to.end(); }));
  from.on('error', () => to.destroy());
  from.on('close', () => later(() => { if (!to.destroyed) to.end(); }));
}

/** One listening port that leads to another one. */
export class TcpProxy {
  /** One way, in ms; may be changed at any time. */
  delay_ms: number;
  private readonly targetPort: number;
  private readonly server: Server;
  private readonly sockets = new Set<Socket>();
  private isCut = false;

  private constructor(targetPort: number, delay_ms: number) {
    this.targetPort = targetPort;
    this.delay_ms = delay_ms;
    this.server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => this.accept(client));
  }

  /** Listens on `port` (0: any free one) and forwards to `targetPort`, both on the loopback interface. */
  static async start(targetPort: number, options: { readonly delay_ms?: number; readonly port?: number } = {}): Promise<TcpProxy> {
    const proxy = new TcpProxy(targetPort, options.delay_ms ?? 0);
    await new Promise<void>((resolve, reject) => {
      proxy.server.once('error', reject);
      proxy.server.listen(options.port ?? 0, LOOPBACK, resolve);
    });
    return proxy;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  /** Breaks all connections and refuses new ones until `heal`. */
  cut(): void {
    this.isCut = true;
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
    forward(client, target, () => this.delay_ms);
    forward(target, client, () => this.delay_ms);
  }

  private keep(socket: Socket): void {
    this.sockets.add(socket);
    socket.on('error', () => undefined); // 'close' follows, and is what both sides act on
    socket.on('close', () => this.sockets.delete(socket));
  }
}
