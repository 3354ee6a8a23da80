/**
 * A listening socket that carries gRPC and HTTP/1.1: in plaintext the first bytes tell them apart, with TLS the negotiated
 * protocol does. TCP and unix sockets.
 */
import http from 'node:http';
import net from 'node:net';
import tls from 'node:tls';
import type { Address } from '../../config/urls.ts';
import type { Clock } from '../../host/host.ts';
import type { Logger } from '../../host/log.ts';
import type { Certificates } from './tls.ts';

/** Which traffic a listener takes (etcd: with --listen-client-http-urls the client URLs are gRPC only, and those HTTP only). */
export type Traffic = 'grpc+http' | 'grpc' | 'http';

export interface ListenerOptions {
  readonly address: Address;
  readonly traffic: Traffic;
  readonly clock: Clock;
  readonly log: Logger;
  /** For https:// and unixs:// URLs. */
  readonly tls: Certificates | null;
  /** Takes a connection that speaks HTTP/2. */
  readonly onHttp2: (socket: net.Socket) => void;
  readonly onRequest: http.RequestListener;
  /** Removes a socket file that a dead process left. */
  readonly removeFile: (path: string) => Promise<void>;
}

/** How HTTP/2 begins, as much of it as no HTTP/1.1 method shares. */
const preface = Buffer.from('PRI ');
/** A client that opens a connection and says nothing. etcd: ReadHeaderTimeout. */
const firstBytesMs = 300_000;

export class Listener {
  readonly #options: ListenerOptions;
  readonly #server: net.Server;
  readonly #http: http.Server;
  readonly #sockets = new Set<net.Socket>();
  readonly #unwatch: () => void;

  constructor(options: ListenerOptions) {
    this.#options = options;
    this.#http = http.createServer({ keepAliveTimeout: 0 }, options.onRequest);
    if (options.address.tls) {
      const { tls: files } = options;
      if (files === null) throw new Error(`${options.address.url}: certificate and key are needed`);
      const server = tls.createServer({ ...files.options(), ALPNProtocols: this.#protocols() });
      server.on('secureConnection', (socket) => this.#secured(socket));
      server.on('tlsClientError', (error, socket) => {
        options.log.debug('TLS handshake failed', { remote: socket.remoteAddress, error: error.message });
        socket.destroy();
      });
      this.#unwatch = files.onChange(() => server.setSecureContext(files.options()));
      this.#server = server;
    } else {
      this.#server = net.createServer({ noDelay: true }, (socket) => this.#sniff(socket));
      this.#unwatch = () => {};
    }
    this.#server.on('connection', (socket: net.Socket) => {
      socket.setNoDelay(true);
      this.#sockets.add(socket);
      socket.on('error', (error) => options.log.debug('connection failed', { remote: socket.remoteAddress, error: error.message }));
      socket.once('close', () => this.#sockets.delete(socket));
    });
  }

  /** Starts listening; rejects if the address is taken. Returns the port, or 0 for a unix socket. */
  async open(): Promise<number> {
    const { address: { url, scheme, path, host, port } } = this.#options;
    const unix = scheme === 'unix' || scheme === 'unixs';
    if (unix) await this.#options.removeFile(path);
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(unix ? { path } : { port, backlog: 4_096, ...(host === '' ? {} : { host }) }, () => {
        this.#server.off('error', reject);
        resolve();
      });
    });
    this.#server.on('error', (error) => this.#options.log.error('listener failed', { url, error: error.message }));
    const address = this.#server.address();
    return address !== null && typeof address === 'object' ? address.port : 0;
  }

  /** Accepts no more connections; those that are open stay. */
  stopAccepting(): void {
    this.#unwatch();
    if (this.#server.listening) this.#server.close();
  }

  /** Closes everything now. */
  async close(): Promise<void> {
    const closed = this.#server.listening ? new Promise<void>((resolve) => this.#server.close(() => resolve())) : Promise.resolve();
    this.#unwatch();
    for (const socket of [...this.#sockets]) socket.destroy();
    this.#http.close();
    await closed;
  }

  #protocols(): string[] {
    if (this.#options.traffic === 'grpc') return ['h2'];
    return ['h2', 'http/1.1'];
  }

  #secured(socket: tls.TLSSocket): void {
    socket.setNoDelay(true);
    socket.on('error', (error) => this.#options.log.debug('connection failed', { remote: socket.remoteAddress, error: error.message }));
    if (socket.alpnProtocol === 'h2') this.#options.onHttp2(socket);
    else if (socket.alpnProtocol === 'http/1.1') this.#http1(socket);
    else this.#sniff(socket);
  }

  /** Reads until it is clear what the client speaks, and gives the socket on with those bytes put back. */
  #sniff(socket: net.Socket): void {
    const { clock } = this.#options;
    const timer = clock.after(firstBytesMs, () => socket.destroy());
    let seen: Buffer = Buffer.alloc(0);
    const give = () => {
      timer.cancel();
      socket.off('readable', read);
      socket.off('close', give);
    };
    const read = () => {
      const chunk = socket.read() as Buffer | null;
      if (chunk === null) return;
      seen = seen.length === 0 ? chunk : Buffer.concat([seen, chunk]);
      const length = Math.min(seen.length, preface.length);
      const http2 = seen.compare(preface, 0, length, 0, length) === 0;
      if (http2 && seen.length < preface.length) return;
      give();
      socket.unshift(seen);
      if (http2) this.#options.onHttp2(socket);
      else this.#http1(socket);
    };
    socket.on('readable', read);
    socket.once('close', give);
  }

  #http1(socket: net.Socket): void {
    if (this.#options.traffic === 'grpc') socket.destroy();
    else this.#http.emit('connection', socket);
  }
}
