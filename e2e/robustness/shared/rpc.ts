/** The calls that this test makes, without any retry: what was acknowledged and what was not must be plain. */
import { Client, credentials } from '@grpc/grpc-js';
import type { ChannelOptions, ClientDuplexStream } from '@grpc/grpc-js';
import * as pb from '../../../datastore/api/generated/etcdserverpb/rpc.ts';

interface Codec<T> {
  encode(message: T): { finish(): Uint8Array };
  decode(bytes: Uint8Array): T;
}
const out = <T>(codec: Codec<T>) => (message: T): Buffer => Buffer.from(codec.encode(message).finish());
const into = <T>(codec: Codec<T>) => (bytes: Buffer): T => codec.decode(bytes);

export type WatchCall = ClientDuplexStream<pb.WatchRequest, pb.WatchResponse>;

/** From the empty prefix to beyond every key. */
export const EVERYTHING = { key: '\0', end: '\0' } as const;

export class Rpc {
  readonly #client: Client;
  readonly #deadline_ms: number;

  /**
   * @param endpoint http://host:port
   * @param more options of the channel
   * @param deadline_ms how long an answer is waited for
   */
  constructor(endpoint: string, more: ChannelOptions = {}, deadline_ms = 20_000) {
    this.#deadline_ms = deadline_ms;
    this.#client = new Client(endpoint.replace('http://', ''), credentials.createInsecure(), {
      'grpc.max_receive_message_length': -1, 'grpc.initial_reconnect_backoff_ms': 20, 'grpc.max_reconnect_backoff_ms': 100,
      // Every process of the server is reached over connections of its own.
      'grpc.use_local_subchannel_pool': 1,
      ...more,
    });
  }

  put(key: string, value: string, lease = 0n): Promise<pb.PutResponse> {
    return this.#unary('KV/Put', pb.PutRequest, pb.PutResponse, pb.PutRequest.fromPartial({ key: Buffer.from(key), value: Buffer.from(value), lease }));
  }
  delete(key: string): Promise<pb.DeleteRangeResponse> {
    return this.#unary('KV/DeleteRange', pb.DeleteRangeRequest, pb.DeleteRangeResponse, pb.DeleteRangeRequest.fromPartial({ key: Buffer.from(key) }));
  }
  /** If the key is as it was at `revision` (0: missing), puts all of `puts`. */
  txn(compare: { key: string; revision: number } | null, puts: readonly { key: string; value: string | Uint8Array }[]): Promise<pb.TxnResponse> {
    return this.#unary('KV/Txn', pb.TxnRequest, pb.TxnResponse, pb.TxnRequest.fromPartial({
      compare: compare === null ? [] : [{ key: Buffer.from(compare.key), result: pb.Compare_CompareResult.EQUAL, target: pb.Compare_CompareTarget.MOD, target_union: { $case: 'mod_revision', value: BigInt(compare.revision) } }],
      success: puts.map(({ key, value }) => ({ request: { $case: 'request_put', value: { key: Buffer.from(key), value: Buffer.from(value) } } })),
      failure: [],
    }));
  }
  range(key: string, end: string, revision = 0): Promise<pb.RangeResponse> {
    return this.#unary('KV/Range', pb.RangeRequest, pb.RangeResponse, pb.RangeRequest.fromPartial({ key: Buffer.from(key), range_end: Buffer.from(end), revision: BigInt(revision) }));
  }
  compact(revision: number): Promise<pb.CompactionResponse> {
    return this.#unary('KV/Compact', pb.CompactionRequest, pb.CompactionResponse, pb.CompactionRequest.fromPartial({ revision: BigInt(revision) }));
  }
  grant(ttl: number): Promise<pb.LeaseGrantResponse> {
    return this.#unary('Lease/LeaseGrant', pb.LeaseGrantRequest, pb.LeaseGrantResponse, pb.LeaseGrantRequest.fromPartial({ TTL: BigInt(ttl) }));
  }
  timeToLive(id: bigint): Promise<pb.LeaseTimeToLiveResponse> {
    return this.#unary('Lease/LeaseTimeToLive', pb.LeaseTimeToLiveRequest, pb.LeaseTimeToLiveResponse, pb.LeaseTimeToLiveRequest.fromPartial({ ID: id, keys: true }));
  }
  watch(): WatchCall {
    return this.#client.makeBidiStreamRequest('/etcdserverpb.Watch/Watch', out(pb.WatchRequest), into(pb.WatchResponse));
  }
  /** Waits for a connection. Rejects after `timeout_ms`. */
  connected(timeout_ms: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#client.waitForReady(Date.now() + timeout_ms, (error) => (error === undefined ? resolve() : reject(error)));
    });
  }
  close(): void {
    this.#client.close();
  }

  #unary<Q, A>(method: string, input: Codec<Q>, output: Codec<A>, request: Q): Promise<A> {
    return new Promise((resolve, reject) => {
      this.#client.makeUnaryRequest(`/etcdserverpb.${method}`, out(input), into(output), request, { deadline: Date.now() + this.#deadline_ms }, (error, answer) => {
        if (error !== null) reject(error);
        else if (answer === undefined) reject(new Error(`${method}: no answer`));
        else resolve(answer);
      });
    });
  }
}
