/** Starts the API on a free port for tests, and grpc-js clients to it. Everything started is stopped by `close`. */
import grpc from '@grpc/grpc-js';
import { parseAddresses } from '../../config/urls.ts';
import { nodeClock } from '../../host/node-clock.ts';
import { type Logger, silent } from '../../host/log.ts';
import { limits } from '../../limits.ts';
import { type ApiOptions, ApiServer, type ListenSet } from '../server.ts';
import { FakeReplica } from './replica.ts';

interface Codec<T> {
  encode(message: T): { finish(): Uint8Array };
  decode(bytes: Uint8Array): T;
}

/** One generated codec for requests and one for answers of a method. */
export interface MethodOf<Q, A> {
  readonly path: string;
  readonly request: Codec<Q>;
  readonly response: Codec<A>;
}

export class Harness {
  readonly replica = new FakeReplica();
  readonly faults: string[] = [];
  readonly server: ApiServer;
  readonly clients: grpc.Client[] = [];
  port = 0;

  constructor(options: Partial<ApiOptions> = {}) {
    const log: Logger = { ...silent, error: (message) => void this.faults.push(message) };
    this.server = new ApiServer({
      replica: this.replica,
      clock: nodeClock,
      log,
      versions: { etcd: '3.7.3', cluster: '3.7.0', edgestore: '0.0.0' },
      gateway: true,
      requestBytesMax: limits.request_bytes,
      concurrentStreamsMax: 4_294_967_295,
      keepaliveIntervalMs: 7_200_000,
      keepaliveTimeoutMs: 20_000,
      removeFile: () => Promise.resolve(),
      ...options,
    });
  }

  static async start(options: Partial<ApiOptions> = {}, listen: Partial<ListenSet> = {}): Promise<Harness> {
    const harness = new Harness(options);
    const ports = await harness.server.open({ client: parseAddresses('http://127.0.0.1:0'), http: [], metrics: [], certificates: null, ...listen });
    harness.port = ports[0]!;
    return harness;
  }

  client(options: grpc.ClientOptions = {}, credentials = grpc.credentials.createInsecure(), target = `127.0.0.1:${this.port}`): grpc.Client {
    const client = new grpc.Client(target, credentials, options);
    this.clients.push(client);
    return client;
  }

  async close(): Promise<void> {
    for (const client of this.clients) client.close();
    await this.server.stop();
  }
}

export const serialize =
  <T>(codec: Codec<T>) =>
  (message: T) =>
    Buffer.from(codec.encode(message).finish());
export const deserialize =
  <T>(codec: Codec<T>) =>
  (bytes: Buffer) =>
    codec.decode(bytes);

/** A unary call; rejects with grpc-js's ServiceError (`code`, `details`). */
export function call<Q, A>(client: grpc.Client, method: MethodOf<Q, A>, request: Q, options: grpc.CallOptions = {}, metadata = new grpc.Metadata()): Promise<A> {
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(method.path, serialize(method.request), deserialize(method.response), request, metadata, options, (error, answer) =>
      error ? reject(error) : resolve(answer!),
    );
  });
}

/** Waits until `condition` holds; for what happens on the other side of a socket. Gives up after a while, so that a failed test ends. */
export async function until(condition: () => boolean): Promise<void> {
  const start = nodeClock.monotonicMs();
  while (!condition()) {
    if (nodeClock.monotonicMs() - start > patienceMs) throw new Error(`still waiting: ${String(condition)}`);
    await new Promise<void>((resolve) => nodeClock.soon(resolve));
  }
}
const patienceMs = 30_000;
