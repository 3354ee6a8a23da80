/** A client that sends any message as it is and reports errors as they are: no retries, no client-side checks. */
import { Client, credentials, status } from '@grpc/grpc-js';
import type { ClientDuplexStream, ServiceError } from '@grpc/grpc-js';
import * as rpc from '../../../datastore/api/generated/etcdserverpb/rpc.ts';
import * as v3election from '../../../datastore/api/generated/v3electionpb/v3election.ts';
import * as v3lock from '../../../datastore/api/generated/v3lockpb/v3lock.ts';
import type { Plain } from './plain.ts';
import { plain } from './plain.ts';

/** What the generated code offers for a message. */
export interface Codec<T> {
  encode(message: T): { finish(): Uint8Array };
  decode(bytes: Uint8Array): T;
  fromPartial(object: object): T;
}

const unary = {
  range: ['/etcdserverpb.KV/Range', rpc.RangeRequest, rpc.RangeResponse],
  put: ['/etcdserverpb.KV/Put', rpc.PutRequest, rpc.PutResponse],
  delete: ['/etcdserverpb.KV/DeleteRange', rpc.DeleteRangeRequest, rpc.DeleteRangeResponse],
  txn: ['/etcdserverpb.KV/Txn', rpc.TxnRequest, rpc.TxnResponse],
  compact: ['/etcdserverpb.KV/Compact', rpc.CompactionRequest, rpc.CompactionResponse],
  leaseGrant: ['/etcdserverpb.Lease/LeaseGrant', rpc.LeaseGrantRequest, rpc.LeaseGrantResponse],
  leaseRevoke: ['/etcdserverpb.Lease/LeaseRevoke', rpc.LeaseRevokeRequest, rpc.LeaseRevokeResponse],
  leaseTimeToLive: ['/etcdserverpb.Lease/LeaseTimeToLive', rpc.LeaseTimeToLiveRequest, rpc.LeaseTimeToLiveResponse],
  leaseLeases: ['/etcdserverpb.Lease/LeaseLeases', rpc.LeaseLeasesRequest, rpc.LeaseLeasesResponse],
  lock: ['/v3lockpb.Lock/Lock', v3lock.LockRequest, v3lock.LockResponse],
  unlock: ['/v3lockpb.Lock/Unlock', v3lock.UnlockRequest, v3lock.UnlockResponse],
  campaign: ['/v3electionpb.Election/Campaign', v3election.CampaignRequest, v3election.CampaignResponse],
  proclaim: ['/v3electionpb.Election/Proclaim', v3election.ProclaimRequest, v3election.ProclaimResponse],
  leader: ['/v3electionpb.Election/Leader', v3election.LeaderRequest, v3election.LeaderResponse],
  resign: ['/v3electionpb.Election/Resign', v3election.ResignRequest, v3election.ResignResponse],
} as const satisfies Record<string, readonly [string, unknown, unknown]>;

export type Call = keyof typeof unary;

const serializer = <T>(codec: Codec<T>) => (message: T): Buffer => Buffer.from(codec.encode(message).finish());
const deserializer = <T>(codec: Codec<T>) => (bytes: Buffer): T => codec.decode(bytes);

const TIMEOUT_MS = 20_000;

export class EtcdClient {
  readonly #client: Client;

  /** @param endpoint http://host:port */
  constructor(endpoint: string) {
    this.#client = new Client(endpoint.replace('http://', ''), credentials.createInsecure(), { 'grpc.max_receive_message_length': -1 });
  }

  /** The answer, or the error's code and text. */
  call(call: Call, request: object): Promise<Plain> {
    const [path, input, output] = unary[call] as unknown as [string, Codec<object>, Codec<object>];
    return new Promise((resolve) => {
      this.#client.makeUnaryRequest(path, serializer(input), deserializer(output), input.fromPartial(request), { deadline: Date.now() + TIMEOUT_MS }, (error, answer) => {
        resolve(error === null ? plain(answer) : plainError(error));
      });
    });
  }

  /** All chunks put together. How much is in each is the server's own affair. */
  rangeStream(request: object): Promise<Plain> {
    const stream = this.#client.makeServerStreamRequest(
      '/etcdserverpb.KV/RangeStream',
      serializer(rpc.RangeRequest),
      deserializer(rpc.RangeStreamResponse),
      rpc.RangeRequest.fromPartial(request),
      { deadline: Date.now() + TIMEOUT_MS },
    );
    const kvs: Plain[] = [];
    let rest: { [name: string]: Plain } = {};
    return new Promise((resolve) => {
      stream.on('data', (chunk: rpc.RangeStreamResponse) => {
        const { kvs: part, ...others } = plain(chunk.range_response) as { [name: string]: Plain };
        if (Array.isArray(part)) kvs.push(...part);
        rest = { ...rest, ...others };
      });
      stream.on('error', (error: ServiceError) => resolve(plainError(error)));
      stream.on('end', () => resolve({ ...rest, kvs }));
    });
  }

  watch(): ClientDuplexStream<rpc.WatchRequest, rpc.WatchResponse> {
    return this.#client.makeBidiStreamRequest('/etcdserverpb.Watch/Watch', serializer(rpc.WatchRequest), deserializer(rpc.WatchResponse));
  }

  /** One renewal on a stream of its own. */
  keepAlive(id: bigint): Promise<Plain> {
    const stream = this.#client.makeBidiStreamRequest(
      '/etcdserverpb.Lease/LeaseKeepAlive',
      serializer(rpc.LeaseKeepAliveRequest),
      deserializer(rpc.LeaseKeepAliveResponse),
      { deadline: Date.now() + TIMEOUT_MS },
    );
    return new Promise((resolve) => {
      stream.on('data', (answer: rpc.LeaseKeepAliveResponse) => {
        resolve(plain(answer));
        stream.end();
      });
      stream.on('error', (error: ServiceError) => resolve(plainError(error)));
      stream.write(rpc.LeaseKeepAliveRequest.fromPartial({ ID: id }));
    });
  }

  close(): void {
    this.#client.close();
  }
}

export const plainError = (error: ServiceError): Plain => ({ error: status[error.code], text: error.details });
