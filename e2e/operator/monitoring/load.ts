/** Something of everything that replicas measure: calls of each kind, watches, leases, the same keys at several replicas at once. */
import { setTimeout as sleep } from 'node:timers/promises';
import * as pb from '../../../datastore/api/generated/etcdserverpb/rpc.ts';
import { EVERYTHING, Rpc } from '../../robustness/shared/rpc.ts';
import type { WatchCall } from '../../robustness/shared/rpc.ts';

export class Load implements AsyncDisposable {
  private readonly clients: readonly Rpc[];
  private readonly watches: readonly WatchCall[];
  private readonly running: readonly Promise<void>[];
  private over = false;
  /** Calls that ended well, by replica. */
  readonly done: number[];

  constructor(endpoints: readonly string[]) {
    this.clients = endpoints.map((endpoint) => new Rpc(endpoint));
    this.done = endpoints.map(() => 0);
    this.watches = this.clients.map((client) => {
      const watch = client.watch();
      watch.on('error', () => undefined);
      watch.on('data', () => undefined);
      watch.write(pb.WatchRequest.fromPartial({ request_union: { $case: 'create_request', value: { key: Buffer.from(EVERYTHING.key), range_end: Buffer.from(EVERYTHING.end) } } }));
      return watch;
    });
    this.running = this.clients.map((client, i) => this.run(client, i));
  }

  private async run(client: Rpc, replica: number): Promise<void> {
    for (let turn = 0; !this.over; turn++) {
      // The same key at every replica, at the same time: some of these are concurrent, and one of each pair is beaten.
      const same = `/contended/${Math.floor(Date.now() / 20) % 50}`;
      const calls = [
        client.put(same, `from ${replica}, ${turn}`), client.put(`/own/${replica}/${turn % 200}`, 'x'.repeat(200)), client.range('/own/', '/own0'),
        client.txn(null, [{ key: `/txn/${replica}/${turn % 20}`, value: String(turn) }]), client.delete(`/own/${replica}/${(turn + 100) % 200}`),
        ...(turn % 50 === 0 ? [client.grant(60)] : []),
      ];
      for (const { status } of await Promise.allSettled(calls)) if (status === 'fulfilled') this.done[replica] = (this.done[replica] ?? 0) + 1;
      await sleep(20);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.over = true;
    await Promise.all(this.running);
    for (const watch of this.watches) watch.cancel();
    for (const client of this.clients) client.close();
  }
}
