/** What the benchmark asks of a replica. */
import { Client, credentials } from '@grpc/grpc-js';
import * as pb from '../../../datastore/api/generated/etcdserverpb/rpc.ts';

interface Codec<T> {
  encode(message: T): { finish(): Uint8Array };
  decode(bytes: Uint8Array): T;
}

export class Store implements Disposable {
  readonly #client: Client;

  constructor(endpoint: string) {
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
    return BigInt(answer.header!.revision);
  }

  get(key: string): Promise<pb.RangeResponse> {
    return this.#call('KV/Range', pb.RangeRequest, pb.RangeResponse, pb.RangeRequest.fromPartial({ key: Buffer.from(key) }));
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
