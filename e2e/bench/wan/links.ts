/** The proxies between sites, in a thread of their own: what else this process does must not delay what they forward. */
import { once } from 'node:events';
import { Worker, isMainThread, parentPort, workerData } from 'node:worker_threads';
import { Pairs, hostsOf, urlOf } from '../../support/pairs.ts';

interface Start {
  readonly targets: readonly number[];
  readonly ports: readonly number[];
  readonly delay_ms: number;
}
/** A member to cut off silently; null: heal everything. */
interface Order {
  readonly isolate: number | null;
}

export class Links implements AsyncDisposable {
  readonly #worker: Worker;
  readonly #ports: readonly number[];

  private constructor(worker: Worker, ports: readonly number[]) {
    this.#worker = worker;
    this.#ports = ports;
  }

  /** As `Pairs.start`. */
  static async start(targets: readonly number[], ports: readonly number[], delay_ms: number): Promise<Links> {
    const worker = new Worker(new URL(import.meta.url), { workerData: { links: { targets, ports, delay_ms } satisfies Start } });
    await once(worker, 'message');
    return new Links(worker, ports);
  }

  url(member: number): string {
    return urlOf(this.#ports, member);
  }

  hosts(member: number): ReadonlyMap<string, string> {
    return hostsOf(this.#ports.length, member);
  }

  /** Cuts a member off from all others, and nobody is told. */
  isolate(member: number): Promise<void> {
    return this.#order({ isolate: member });
  }

  healAll(): Promise<void> {
    return this.#order({ isolate: null });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#worker.terminate();
  }

  async #order(order: Order): Promise<void> {
    const done = once(this.#worker, 'message');
    this.#worker.postMessage(order);
    await done;
  }
}

const given = (workerData as { links?: Start } | null)?.links;
if (!isMainThread && given !== undefined && parentPort !== null) {
  const port = parentPort;
  const pairs = await Pairs.start(given.targets, given.ports, given.delay_ms);
  port.on('message', ({ isolate }: Order) => {
    if (isolate === null) pairs.healAll();
    else pairs.isolate(isolate, true);
    port.postMessage('done');
  });
  port.postMessage('ready');
}
