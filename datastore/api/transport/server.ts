/**
 * A gRPC server on HTTP/2 sessions that someone else accepted. It knows methods by their path and nothing of what they do.
 */
import http2 from 'node:http2';
import type { Duplex } from 'node:stream';
import { Code, type EtcdError } from '../../errors.ts';
import type { Clock, Timer } from '../../host/host.ts';
import type { Logger } from '../../host/log.ts';
import { type CallEnvironment, GrpcCall, trailersOf } from './call.ts';
import { peerOf } from './peer.ts';
import { type Status, parseTimeoutMs } from './status.ts';
import type { CallObserver, Method, Peer } from './types.ts';

export interface GrpcServerOptions {
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
  /** Requests on HTTP/2 that are not gRPC: the HTTP handler's. */
  readonly onRequest: (request: http2.Http2ServerRequest, response: http2.Http2ServerResponse) => void;
  /** Null, or why calls are refused now. */
  readonly refuse: (method: Method) => EtcdError | null;
}

/** A message of up to half of this arrives without waiting for a window update. */
const streamWindowBytes = 1_048_576;
const sessionWindowBytes = 8 * 1_048_576;

/** How long the last words of a connection may take to leave. */
const flushMs = 1_000;

type Session = http2.ServerHttp2Session & { [peer]?: Peer };
const peer = Symbol('the other end of a session');

export class GrpcServer {
  readonly #options: GrpcServerOptions;
  readonly #methods = new Map<string, Method>();
  readonly #services = new Set<string>();
  readonly #sessions = new Set<http2.ServerHttp2Session>();
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
      soon: (fn) => clock.soon(fn),
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
  get stats(): { sessions: number; calls: number } {
    return { sessions: this.#sessions.size, calls: this.#pending.size };
  }

  /** Serves HTTP/2 on an accepted socket (plaintext or TLS). */
  attach(socket: Duplex): void {
    const session = http2.performServerHandshake(socket, {
      maxSessionMemory: 512,
      streamResetBurst: 10_000,
      streamResetRate: 1_000,
      settings: { initialWindowSize: streamWindowBytes, maxConcurrentStreams: this.#options.concurrentStreamsMax, enablePush: false },
    }) as Session;
    session[peer] = peerOf(socket);
    this.#sessions.add(session);
    session.once('connect', () => session.setLocalWindowSize(sessionWindowBytes));
    session.on('stream', (stream, headers, flags, raw) => this.#stream(session, stream, headers, flags, raw as unknown as string[]));
    session.on('error', (error: Error) => this.#options.log.debug('connection failed', { remote: session[peer]?.address, error: error.message }));
    const keepalive = this.#keepAlive(session);
    session.once('close', () => {
      keepalive.cancel();
      this.#sessions.delete(session);
    });
  }

  /** Ends every call with `error` and tells every client to go elsewhere; connections close once that has left. */
  async closeAll(error: EtcdError): Promise<void> {
    for (const call of [...this.#pending]) call.end(error);
    const sessions = [...this.#sessions];
    await this.#atMost(flushMs, this.#closed());
    for (const session of sessions) session.destroy();
  }

  /**
   * Refuses new calls (GOAWAY) and waits for those under way, `graceMs` at most; then ends the rest with `error`.
   * Streams that never end by themselves (watches, keepalives) are ended at once.
   */
  async drain(graceMs: number, error: EtcdError): Promise<void> {
    for (const call of [...this.#pending]) if (call.method.type !== 'unary') call.end(error);
    await this.#atMost(graceMs, this.#closed());
    await this.closeAll(error);
  }

  /** Asks every client to leave; resolves when all have. */
  async #closed(): Promise<void> {
    await Promise.all([...this.#sessions].map((session) => new Promise<void>((resolve) => session.close(resolve))));
  }

  async #atMost(ms: number, done: Promise<void>): Promise<void> {
    let timer: Timer | undefined;
    await Promise.race([done, new Promise<void>((resolve) => (timer = this.#options.clock.after(ms, resolve)))]);
    timer?.cancel();
  }

  /** Closes every connection now. */
  destroy(): void {
    for (const session of [...this.#sessions]) session.destroy();
  }

  #stream(session: Session, stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders, _flags: number, raw: string[]): void {
    if (!headers['content-type']?.startsWith('application/grpc')) {
      const request = new http2.Http2ServerRequest(stream, headers, {}, raw);
      this.#options.onRequest(request, new http2.Http2ServerResponse(stream));
      return;
    }
    const path = headers[':path'] ?? '';
    const method = this.#methods.get(path);
    if (headers[':method'] !== 'POST') return answer(stream, 405, { code: Code.INTERNAL, message: `http2Server.operateHeaders parsed a :method field: "${headers[':method']}" which should be POST` });
    if (method === undefined) return answer(stream, 200, { code: Code.UNIMPLEMENTED, message: this.#unknown(path) });
    const encoding = headers['grpc-encoding'];
    if (encoding !== undefined && encoding !== 'identity' && encoding !== 'gzip') {
      return answer(stream, 200, { code: Code.UNIMPLEMENTED, message: `grpc: Decompressor is not installed for grpc-encoding "${String(encoding)}"` });
    }
    const timeout = headers['grpc-timeout'];
    const timeoutMs = typeof timeout === 'string' ? parseTimeoutMs(timeout) : null;
    if (timeout !== undefined && timeoutMs === null) return answer(stream, 400, { code: Code.INTERNAL, message: `malformed grpc-timeout: "${String(timeout)}"` });
    const refused = this.#options.refuse(method);
    if (refused !== null) return answer(stream, 200, refused);
    this.#options.observer.started(method);
    new GrpcCall(this.#environment, stream, method, headers, session[peer]!).start(timeoutMs);
  }

  /** grpc-go's texts. */
  #unknown(path: string): string {
    const slash = path.lastIndexOf('/');
    if (slash <= 0) return `malformed method name: "${path}"`;
    const service = path.slice(1, slash);
    const name = path.slice(slash + 1);
    return this.#services.has(service) ? `unknown method ${name} for service ${service}` : `unknown service ${service}`;
  }

  /** Pings an idle or dead client; closes the connection if it does not answer. */
  #keepAlive(session: http2.ServerHttp2Session): { cancel(): void } {
    const { clock, keepaliveIntervalMs, keepaliveTimeoutMs } = this.#options;
    if (keepaliveIntervalMs <= 0) return { cancel() {} };
    let timer: Timer;
    const next = () => {
      timer = clock.after(keepaliveIntervalMs, () => {
        if (session.closed || session.destroyed) return;
        timer = clock.after(keepaliveTimeoutMs, () => session.destroy());
        session.ping((error) => {
          timer.cancel();
          if (error === null) next();
        });
      });
    };
    next();
    return { cancel: () => timer.cancel() };
  }
}

/** An answer of the transport itself: trailers only. */
function answer(stream: http2.ServerHttp2Stream, httpStatus: number, status: Status): void {
  stream.on('error', () => {});
  stream.resume();
  stream.respond({ ':status': httpStatus, 'content-type': 'application/grpc', ...trailersOf(status) }, { endStream: true });
}
