/** The proxies between sites, in a process of their own: what else goes on must not delay what they forward. */
import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Pairs, hostsOf, urlOf } from '../../support/pairs.ts';
import { TcpProxy } from '../../support/proxy.ts';

interface Start {
  readonly targets: readonly number[];
  readonly ports: readonly number[];
  readonly delay_ms: number;
}
type Order =
  /** A member to cut off silently; null: heal everything. */
  | { readonly isolate: number | null }
  /** A port to lead to, as far away as one site is from another. */
  | { readonly target: number };

export class Links implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #ports: readonly number[];

  private constructor(child: ChildProcess, ports: readonly number[]) {
    this.#child = child;
    this.#ports = ports;
  }

  /** As `Pairs.start`. */
  static async start(targets: readonly number[], ports: readonly number[], delay_ms: number): Promise<Links> {
    const child = fork(fileURLToPath(import.meta.url), { env: { ...process.env, [START]: JSON.stringify({ targets, ports, delay_ms } satisfies Start) } });
    await once(child, 'message');
    return new Links(child, ports);
  }

  url(member: number): string {
    return urlOf(this.#ports, member);
  }

  hosts(member: number): ReadonlyMap<string, string> {
    return hostsOf(this.#ports.length, member);
  }

  /** Cuts a member off from all others, and nobody is told. */
  async isolate(member: number): Promise<void> {
    await this.#order({ isolate: member });
  }

  async healAll(): Promise<void> {
    await this.#order({ isolate: null });
  }

  /** A port that leads to this one, as far away as sites are from each other. */
  delayed(target: number): Promise<number> {
    return this.#order({ target });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null) return;
    const ended = once(this.#child, 'exit');
    this.#child.kill();
    await ended;
  }

  async #order(order: Order): Promise<number> {
    const done = once(this.#child, 'message') as Promise<[number]>;
    this.#child.send(order);
    return (await done)[0];
  }
}

const START = 'EDGESTORE_BENCH_LINKS';

async function work({ targets, ports, delay_ms }: Start, tell: (answer: number) => void): Promise<void> {
  const pairs = await Pairs.start(targets, ports, delay_ms);
  const obey = async (order: Order): Promise<number> => {
    if ('target' in order) return (await TcpProxy.start(order.target, { delay_ms })).port;
    if (order.isolate === null) pairs.healAll();
    else pairs.isolate(order.isolate, true);
    return 0;
  };
  process.on('message', (order: Order) => void obey(order).then(tell));
  tell(0);
}

const given = process.env[START];
if (given !== undefined && process.send !== undefined) await work(JSON.parse(given) as Start, (answer) => void process.send!(answer));
