/** What the benchmark asks of a replica. */
import { Client, credentials } from '@grpc/grpc-js';
import { setTimeout as sleep } from 'node:timers/promises';
import * as pb from '../../../datastore/api/generated/etcdserverpb/rpc.ts';

interface Codec<T> {
  encode(message: T): { finish(): Uint8Array };
  decode(bytes: Uint8Array): T;
}

export class Store implements Disposable {
  readonly #endpoint: string;
  readonly #client: Client;
  #revision = 0n;

  constructor(endpoint: string) {
    this.#endpoint = endpoint;
    this.#client = new Client(endpoint.replace('http://', ''), credentials.createInsecure());
  }

  [Symbol.dispose](): void {
    this.#client.close();
  }

  /** Puts the value if the key is as it was at that revision (0: missing). @returns the new one */
  async putIf(key: string, revision: bigint, value: Buffer): Promise<bigint> {
    const answer = await this.#call('KV/Txn', pb.TxnRequest, pb.TxnResponse, pb.TxnRequest.fromPartial({
      compare: [{ key: Buffer.from(key), result: pb.Compare_CompareResult.EQUAL, target: pb.Compare_CompareTarget.MOD, target_union: { $case: 'mod_revision', value: revision } }],
      success: [{ request: { $case: 'request_put', value: { key: Buffer.from(key), value } } }],
      failure: [{ request: { $case: 'request_range', value: { key: Buffer.from(key) } } }],
    }));
    if (!answer.succeeded) throw new Error(`${key} is not as it was at ${revision}`);
    return (this.#revision = BigInt(answer.header!.revision));
  }

  get(key: string): Promise<pb.RangeResponse> {
    return this.#call('KV/Range', pb.RangeRequest, pb.RangeResponse, pb.RangeRequest.fromPartial({ key: Buffer.from(key) }));
  }

  async compact(): Promise<void> {
    await this.#call('KV/Compact', pb.CompactionRequest, pb.CompactionResponse, pb.CompactionRequest.fromPartial({ revision: this.#revision, physical: true }));
  }

  /** Heap and buffers, bytes: the lowest of some looks, for between two collections they are full of what nobody needs. */
  async memory(): Promise<number> {
    let lowest = Infinity;
    for (let i = 0; i < 20; i++) {
      const text = await (await fetch(`${this.#endpoint}/metrics`)).text();
      const read = (name: string): number => Number(new RegExp(`^${name} (.*)$`, 'm').exec(text)?.[1] ?? NaN);
      lowest = Math.min(lowest, read('nodejs_heap_size_used_bytes') + read('nodejs_external_memory_bytes'));
      await sleep(100);
    }
    return lowest;
  }

  #call<Q, A>(method: string, input: Codec<Q>, output: Codec<A>, request: Q): Promise<A> {
    return new Promise((resolve, reject) => {
      const serialize = (message: Q): Buffer => Buffer.from(input.encode(message).finish());
      this.#client.makeUnaryRequest(`/etcdserverpb.${method}`, serialize, (bytes: Buffer) => output.decode(bytes), request, (error, answer) => {
        if (error !== null) reject(error);
        else if (answer === undefined) reject(new Error(`${method}: no answer`));
        else resolve(answer);
      });
    });
  }
}
