/** One replica as a process, reached by the others through proxies, with a DNS server that tells it where they are. */
import { readFileSync } from 'node:fs';
import { DnsServer } from '../../../datastore/testing/dns-server.ts';
import { edgestoreLauncher } from '../../support/edgestore.ts';
import { READY_LINE } from '../../support/member.ts';
import type { Pairs } from '../../support/pairs.ts';
import { hostOf } from '../../support/pairs.ts';
import { LOOPBACK } from '../../support/ports.ts';
import { Program } from '../../support/process.ts';
import type { TempDir } from '../../support/temp.ts';
import { Rpc } from '../shared/rpc.ts';

/** A process that has just been started on a busy machine. */
const START_MS = 120_000;

export class Site {
  readonly index: number;
  readonly endpoint: string;
  readonly #program: Program;
  readonly #dns: DnsServer;
  /** Of the process that serves; null: there is none. */
  rpc: Rpc | null = null;
  kills = 0;
  /** When clients came to the process. */
  startedMs = 0;

  private constructor(index: number, endpoint: string, program: Program, dns: DnsServer) {
    this.index = index;
    this.endpoint = endpoint;
    this.#program = program;
    this.#dns = dns;
  }

  static async create(index: number, pairs: Pairs, ports: { readonly client: number; readonly peer: number }, dir: TempDir, flags: readonly string[]): Promise<Site> {
    const dns = await DnsServer.start();
    for (const [host, address] of pairs.hosts(index)) dns.hosts.set(host, [address]);
    const launcher = edgestoreLauncher();
    const name = `n${index}`;
    const client = `http://${LOOPBACK}:${ports.client}`;
    const program = new Program({
      name,
      command: launcher.command,
      args: [
        ...launcher.args, '--name', name, '--data-dir', dir.join(`${name}.data`), '--listen-client-urls', client, '--advertise-client-urls', client,
        '--listen-peer-urls', `http://${LOOPBACK}:${ports.peer}`, '--initial-advertise-peer-urls', pairs.url(index),
        '--initial-cluster', Array.from({ length: pairs.count }, (_, i) => `n${i}=${pairs.url(i)}`).join(','), '--initial-cluster-token', `partitions-${pairs.ports[0]}`,
        '--dns-servers', dns.address, ...flags,
      ],
      logFile: dir.join(`${name}.log`),
    });
    return new Site(index, client, program, dns);
  }

  get name(): string {
    return `n${this.index}`;
  }

  /** Where the name of another one leads from here on. */
  moved(to: number, address: string): void {
    this.#dns.hosts.set(hostOf(to), [address]);
  }

  /** @param look at what it has before clients come */
  async start(look: (rpc: Rpc) => Promise<void> = () => Promise.resolve()): Promise<void> {
    this.#program.start();
    await this.#program.waitForLine(READY_LINE, START_MS);
    const rpc = new Rpc(this.endpoint);
    await look(rpc);
    this.rpc = rpc;
    this.startedMs = performance.now();
  }

  async kill(): Promise<void> {
    const { rpc } = this;
    this.rpc = null;
    this.kills++;
    this.#program.kill();
    await this.#program.wait();
    rpc?.close();
  }

  /** A metric's samples, by labels. */
  async metric(name: string): Promise<number[]> {
    const text = await (await fetch(`${this.endpoint}/metrics`)).text();
    return text.split('\n').filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `)).map((line) => Number(line.slice(line.lastIndexOf(' ') + 1)));
  }

  /** All samples of the metrics whose names match. */
  async metrics(names: RegExp): Promise<Record<string, number>> {
    const text = await (await fetch(`${this.endpoint}/metrics`)).text();
    return Object.fromEntries(text.split('\n').filter((line) => names.test(line)).map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]));
  }

  /** Resident memory, and the most of it so far, in MiB. */
  memory(): { readonly now: number; readonly peak: number } {
    const status = readFileSync(`/proc/${this.#program.pid}/status`, 'utf8');
    const mib = (field: string): number => Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1] ?? 0) / 1_024;
    return { now: mib('VmRSS'), peak: mib('VmHWM') };
  }

  async stop(): Promise<void> {
    this.rpc?.close();
    this.rpc = null;
    await this.#program.stop();
    await this.#dns.stop();
  }
}
