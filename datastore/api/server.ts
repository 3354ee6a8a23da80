/** The client port of a replica: gRPC, the JSON gateway, version, health and metrics, on every client URL. */
import type { Address } from '../config/urls.ts';
import { errStopped } from '../errors.ts';
import type { EtcdError } from '../errors.ts';
import type { Clock } from '../host/host.ts';
import type { Logger } from '../host/log.ts';
import { type Replica, overheadBytes, serviceContext } from './context.ts';
import { gateway } from './gateway/gateway.ts';
import { healthHandler, probeHandlers } from './http/health.ts';
import { router } from './http/router.ts';
import { type HttpHandler, asRequest, asResponse, sendJson } from './http/types.ts';
import { allServices, alwaysOn } from './services/all.ts';
import { Listener, type Traffic } from './transport/listener.ts';
import { GrpcServer } from './transport/server.ts';
import type { Certificates } from './transport/tls.ts';
import { type CallObserver, type Method, unobserved } from './transport/types.ts';
import type { Versions } from './types.ts';

export interface ApiOptions {
  readonly replica: Replica;
  readonly clock: Clock;
  readonly log: Logger;
  readonly versions: Versions;
  /** Told of every call; for metrics. */
  readonly observer?: CallObserver;
  /** Answers GET /metrics; absent: 404. */
  readonly metrics?: HttpHandler;
  /** Commands of an administrator by method and path, on the client URLs; answered whether the replica serves or not. */
  readonly admin?: ReadonlyMap<string, HttpHandler>;
  /** etcd: --enable-grpc-gateway. */
  readonly gateway: boolean;
  readonly requestBytesMax: number;
  readonly concurrentStreamsMax: number;
  readonly keepaliveIntervalMs: number;
  readonly keepaliveTimeoutMs: number;
  /** etcd: --grpc-keepalive-min-time; absent: 5 s, its default. */
  readonly keepaliveMinMs?: number;
  /** How old a client's HTTP/2 connection may become, give or take a tenth; absent or 0: as old as it likes. */
  readonly connectionAgeMs?: number;
  /** How long calls may still take on a connection that is too old. */
  readonly connectionAgeGraceMs?: number;
  /** Uniform in [0, 1): who of those that came together goes first. */
  readonly random?: () => number;
  /** Removes a stale socket file; resolves also if there is none. */
  readonly removeFile: (path: string) => Promise<void>;
}

const keepaliveMinDefaultMs = 5_000;
const connectionAgeGraceDefaultMs = 30_000;

/** Where to listen. */
export interface ListenSet {
  /** etcd: --listen-client-urls. */
  readonly client: readonly Address[];
  /** etcd: --listen-client-http-urls. Not empty: the client URLs carry gRPC only. */
  readonly http: readonly Address[];
  /** etcd: --listen-metrics-urls: /metrics and health, nothing else. */
  readonly metrics: readonly Address[];
  /** For https and unixs URLs. */
  readonly certificates: Certificates | null;
}

export class ApiServer {
  readonly #options: ApiOptions;
  readonly #grpc: GrpcServer;
  readonly #http: ReturnType<typeof router>;
  readonly #metricsHttp: ReturnType<typeof router>;
  readonly #listeners: Listener[] = [];

  constructor(options: ApiOptions) {
    this.#options = options;
    const { replica, clock, log, versions, requestBytesMax, observer = unobserved } = options;
    const context = serviceContext(replica, { clock, log, versions, requestBytesMax });
    const methods = allServices(context);
    const get = new Map<string, HttpHandler>([['/health', healthHandler(context)], ...probeHandlers(context)]);
    if (options.metrics !== undefined) get.set('/metrics', options.metrics);
    this.#metricsHttp = router({ get: new Map(get), gateway: null }, log);
    get.set('/version', (_request, response) =>
      sendJson(response, 200, { etcdserver: versions.etcd, etcdcluster: versions.cluster, storage: versions.cluster, edgestore: versions.edgestore }),
    );
    const refuse = ({ service }: Method) => (alwaysOn.has(service) ? null : replica.serving.refusal());
    const messageBytesMax = requestBytesMax + overheadBytes;
    const json = options.gateway ? gateway({ methods, clock, log, observer, refuse, messageBytesMax }) : null;
    this.#http = router({ get, gateway: json, ...(options.admin === undefined ? {} : { admin: options.admin }) }, log);
    this.#grpc = new GrpcServer({
      clock,
      log,
      methods,
      observer,
      messageBytesMax,
      concurrentStreamsMax: options.concurrentStreamsMax,
      keepaliveIntervalMs: options.keepaliveIntervalMs,
      keepaliveTimeoutMs: options.keepaliveTimeoutMs,
      keepaliveMinMs: options.keepaliveMinMs ?? keepaliveMinDefaultMs,
      connectionAgeMs: options.connectionAgeMs ?? 0,
      connectionAgeGraceMs: options.connectionAgeGraceMs ?? connectionAgeGraceDefaultMs,
      random: options.random ?? (() => 0.5),
      onRequest: (request, response) => this.#http(request, response),
      refuse,
    });
  }

  /** Connections and calls that are not over. */
  get stats(): { connections: number; calls: number } {
    return this.#grpc.stats;
  }

  /** Listens on every URL; returns their ports in the order client, http, metrics. Rejects, listening nowhere, if one fails. */
  async open({ client, http, metrics, certificates }: ListenSet): Promise<number[]> {
    const add = (address: Address, traffic: Traffic, handler: ReturnType<typeof router>) => {
      const { clock, log, removeFile } = this.#options;
      const listener = new Listener({
        address,
        traffic,
        clock,
        log,
        removeFile,
        tls: certificates,
        onHttp2: (socket) => this.#grpc.attach(socket),
        onRequest: (request, response) => handler(asRequest(request), asResponse(response)),
      });
      this.#listeners.push(listener);
      return listener.open();
    };
    try {
      const ports: number[] = [];
      for (const address of client) ports.push(await add(address, http.length > 0 ? 'grpc' : 'grpc+http', this.#http));
      for (const address of http) ports.push(await add(address, 'http', this.#http));
      for (const address of metrics) ports.push(await add(address, 'http', this.#metricsHttp));
      return ports;
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  /** Ends every call with `error` and closes every connection, so that clients move as a whole. New connections are still taken. */
  async closeAll(error: EtcdError): Promise<void> {
    await this.#grpc.closeAll(error);
  }

  /** Takes no more connections or calls, lets unary calls finish for `graceMs` at most, ends streams with Unavailable. */
  async drain(graceMs: number): Promise<void> {
    for (const listener of this.#listeners) listener.stopAccepting();
    await this.#grpc.drain(graceMs, errStopped());
  }

  /** Closes everything now. */
  async stop(): Promise<void> {
    this.#grpc.destroy();
    await Promise.all(this.#listeners.map((listener) => listener.close()));
    this.#listeners.length = 0;
  }
}
