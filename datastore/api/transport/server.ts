/**
 * A gRPC server on HTTP/2 connections that someone else accepted. It knows methods by their path and nothing of what they do.
 */
import type { Duplex } from 'node:stream';
import { Code, type EtcdError, errUnavailable } from '../../errors.ts';
import type { Clock, Timer } from '../../host/host.ts';
import type { Logger } from '../../host/log.ts';
import type { HttpRequest, HttpResponse } from '../http/types.ts';
import { Connection } from '../http2/connection.ts';
import type { Headers } from '../http2/hpack.ts';
import type { Stream, StreamHandler } from '../http2/stream.ts';
import { type AgingOptions, age } from './aging.ts';
import { type CallEnvironment, GrpcCall, trailersOnly } from './call.ts';
import { http2Exchange } from './exchange.ts';
import { peerOf } from './peer.ts';
import { type Status, parseTimeoutMs } from './status.ts';
import type { CallObserver, Method, Peer } from './types.ts';

export interface GrpcServerOptions extends Omit<AgingOptions, 'clock'> {
  readonly clock: Clock;
  readonly log: Logger;
  readonly methods: Iterable<Method>;
  readonly observer: CallObserver;
  /** Larger request messages are refused with RESOURCE_EXHAUSTED. etcd: --max-request-bytes + 512 KiB. */
  readonly messageBytesMax: number;
  /** etcd: --max-concurrent-streams. */
  readonly concurrentStreamsMax: number;
  /** etcd: --grpc-keepalive-interval (2 h) and --grpc-keepalive-timeout (20 s). */
  readonly keepaliveIntervalMs: number;
  readonly keepaliveTimeoutMs: number;
  /** etcd: --grpc-keepalive-min-time (5 s). */
  readonly keepaliveMinMs: number;
  /** Requests on HTTP/2 that are not gRPC: the HTTP handler's. */
  readonly onRequest: (request: HttpRequest, response: HttpResponse) => void;
  /** Null, or why calls are refused now. */
  readonly refuse: (method: Method) => EtcdError | null;
}

const tooOld = () => errUnavailable('the connection is older than --max-connection-age');

/** How long the last words of a connection may take to leave. */
const flushMs = 1_000;

/** For streams that are answered already, whatever else arrives. */
const answered: StreamHandler = { data() {}, halfClosed() {}, closed() {} };

export class GrpcServer {
  readonly #options: GrpcServerOptions;
  readonly #methods = new Map<string, Method>();
  readonly #services = new Set<string>();
  readonly #connections = new Set<Connection>();
  readonly #pending = new Set<GrpcCall>();
  readonly #environment: CallEnvironment;

  constructor(options: GrpcServerOptions) {
    this.#options = options;
    for (const method of options.methods) {
      this.#methods.set(`/${method.service}/${method.name}`, method);
      this.#services.add(method.service);
    }
    const { clock, observer, log } = options;
    this.#environment = {
      messageBytesMax: options.messageBytesMax,
      monotonicMs: () => clock.monotonicMs(),
      after: (delayMs, fn) => clock.after(delayMs, fn),
      pending: (call) => void this.#pending.add(call),
      handled: (call, status: Status, seconds) => {
        this.#pending.delete(call);
        observer.handled(call.method, status.code, seconds);
      },
      sent: (call, bytes) => observer.sent(call.method, bytes),
      received: (call, bytes) => observer.received(call.method, bytes),
      fault: (call, error) => log.error('a call failed unexpectedly', { service: call.method.service, method: call.method.name, error }),
    };
  }

  /** Connections and calls that are not over. */
  get stats(): { connections: number; calls: number } {
    return { connections: this.#connections.size, calls: this.#pending.size };
  }

  /** Serves HTTP/2 on an accepted socket (plaintext or TLS). */
  attach(socket: Duplex): void {
    const { clock, log, concurrentStreamsMax, keepaliveMinMs } = this.#options;
    const peer = peerOf(socket);
    const connection = new Connection(socket, {
      concurrentStreamsMax,
      pingMinMs: keepaliveMinMs,
      nowMs: () => clock.monotonicMs(),
      after: (delayMs, fn) => clock.after(delayMs, fn),
      open: (stream, headers) => this.#open(stream, headers, peer),
      closed: (error) => {
        keepalive.cancel();
        aging.cancel();
        this.#connections.delete(connection);
        // The peer may not read, or not close: its socket goes all the same.
        if (!socket.destroyed) {
          const timer = clock.after(flushMs, () => socket.destroy());
          socket.once('close', () => timer.cancel());
        }
        if (error !== null) log.debug('connection failed', { remote: peer.address, error: error.message });
      },
    });
    this.#connections.add(connection);
    const keepalive = this.#keepAlive(connection);
    const end = (which: (call: GrpcCall) => boolean): void => {
      for (const call of [...this.#pending]) if (call.peer === peer && which(call)) call.end(tooOld());
    };
    const aging = age(this.#options, {
      connection,
      // Watches and keepalives go on elsewhere at once.
      told: () => end(({ method }) => method.type === 'bidi_stream'),
      over: () => {
        end(() => true);
        void this.#atMost(flushMs, this.#left([connection])).then(() => connection.destroy());
      },
    });
  }

  /** Ends every call with `error` and tells every client to go elsewhere; connections close once that has left. */
  async closeAll(error: EtcdError): Promise<void> {
    for (const call of [...this.#pending]) call.end(error);
    const connections = [...this.#connections];
    await this.#atMost(flushMs, this.#left(connections));
    for (const connection of connections) connection.destroy();
  }

  /**
   * Refuses new calls (GOAWAY) and waits for those under way, `graceMs` at most; then ends the rest with `error`.
   * Streams that never end by themselves (watches, keepalives) are ended at once.
   */
  async drain(graceMs: number, error: EtcdError): Promise<void> {
    for (const call of [...this.#pending]) if (call.method.type !== 'unary') call.end(error);
    await this.#atMost(graceMs, this.#left([...this.#connections]));
    await this.closeAll(error);
  }

  /** Asks clients to leave; resolves when all have. */
  async #left(connections: readonly Connection[]): Promise<void> {
    await Promise.all(
      connections.map(async (connection) => {
        if (connection.socket.destroyed) return;
        const closed = new Promise<void>((resolve) => connection.socket.once('close', resolve));
        connection.leave();
        await closed;
      }),
    );
  }

  async #atMost(ms: number, done: Promise<void>): Promise<void> {
    let timer: Timer | undefined;
    await Promise.race([done, new Promise<void>((resolve) => (timer = this.#options.clock.after(ms, resolve)))]);
    timer?.cancel();
  }

  /** Closes every connection now. */
  destroy(): void {
    for (const connection of [...this.#connections]) connection.destroy();
  }

  #open(stream: Stream, headers: Headers, peer: Peer): StreamHandler {
    if (headers['content-type']?.startsWith('application/grpc') !== true) {
      const { handler, request, response } = http2Exchange(stream, headers);
      this.#options.onRequest(request, response);
      return handler;
    }
    const path = headers[':path'] ?? '';
    const method = this.#methods.get(path);
    if (headers[':method'] !== 'POST') return refuse(stream, 405, Code.INTERNAL, `http2Server.operateHeaders parsed a :method field: "${headers[':method']}" which should be POST`);
    if (method === undefined) return refuse(stream, 200, Code.UNIMPLEMENTED, this.#unknown(path));
    const encoding = headers['grpc-encoding'];
    if (encoding !== undefined && encoding !== 'identity' && encoding !== 'gzip') {
      return refuse(stream, 200, Code.UNIMPLEMENTED, `grpc: Decompressor is not installed for grpc-encoding "${encoding}"`);
    }
    const timeout = headers['grpc-timeout'];
    const timeoutMs = timeout === undefined ? null : parseTimeoutMs(timeout);
    if (timeout !== undefined && timeoutMs === null) return refuse(stream, 400, Code.INTERNAL, `malformed grpc-timeout: "${timeout}"`);
    const refused = this.#options.refuse(method);
    if (refused !== null) return refuse(stream, 200, refused.code, refused.message);
    this.#options.observer.started(method);
    const call = new GrpcCall(this.#environment, stream, method, headers, peer);
    call.start(timeoutMs);
    return call;
  }

  /** grpc-go's texts. */
  #unknown(path: string): string {
    const slash = path.lastIndexOf('/');
    if (slash <= 0) return `malformed method name: "${path}"`;
    const service = path.slice(1, slash);
    const name = path.slice(slash + 1);
    return this.#services.has(service) ? `unknown method ${name} for service ${service}` : `unknown service ${service}`;
  }

  /** Pings clients; closes the connection if one does not answer. */
  #keepAlive(connection: Connection): { cancel(): void } {
    const { clock, keepaliveIntervalMs, keepaliveTimeoutMs } = this.#options;
    if (keepaliveIntervalMs <= 0) return { cancel() {} };
    let timer: Timer;
    const next = () => {
      timer = clock.after(keepaliveIntervalMs, () => {
        timer = clock.after(keepaliveTimeoutMs, () => connection.destroy());
        connection.ping(() => {
          timer.cancel();
          if (!connection.ended) next();
        });
      });
    };
    next();
    return { cancel: () => timer.cancel() };
  }
}

/** An answer of the transport itself: trailers only. */
function refuse(stream: Stream, httpStatus: number, code: Code, message: string): StreamHandler {
  stream.headers(trailersOnly(httpStatus, { code, message }), true);
  return answered;
}
