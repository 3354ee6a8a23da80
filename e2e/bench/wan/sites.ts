/**
 * A cluster of which every member is a site of its own: a proxy between any two delays both ways, and one site can be cut off from all others. etcd and
 * EdgeStore are started alike, with the same peer URLs; where these lead, each process reads in a hosts file of its own (a mount namespace, so this needs root).
 */
import { writeFileSync } from 'node:fs';
import type { Launcher } from '../../support/member.ts';
import { READY_LINE } from '../../support/member.ts';
import { LOOPBACK, freePorts } from '../../support/ports.ts';
import { Program } from '../../support/process.ts';
import type { TempDir } from '../../support/temp.ts';
import { Links } from './links.ts';

const START_MS = 60_000;
/** `$0`: the hosts file; the rest: the program and its arguments. */
const WITH_HOSTS = 'mount --bind "$0" /etc/hosts && exec "$@"';

export class Sites implements AsyncDisposable {
  readonly links: Links;
  /** Client URLs. */
  readonly endpoints: readonly string[];
  readonly #programs: readonly Program[];

  private constructor(links: Links, endpoints: readonly string[], programs: readonly Program[]) {
    this.links = links;
    this.endpoints = endpoints;
    this.#programs = programs;
  }

  /** Starts `count` sites, `delay_ms` apart each way, and waits for all of them. */
  static async start(launcher: Launcher, count: number, delay_ms: number, dir: TempDir): Promise<Sites> {
    const ports = await freePorts(count * 3);
    const peers = ports.slice(0, count);
    const links = await Links.start(peers, ports.slice(count, count * 2), delay_ms);
    const endpoints = ports.slice(count * 2).map((port) => `http://${LOOPBACK}:${port}`);
    const cluster = endpoints.map((_, i) => `n${i}=${links.url(i)}`).join(',');
    const programs = endpoints.map((endpoint, i) => {
      const hosts = dir.join(`hosts-${launcher.kind}-${count}-${i}`);
      writeFileSync(hosts, `127.0.0.1 localhost\n${[...links.hosts(i)].map(([name, address]) => `${address} ${name}\n`).join('')}`);
      const own = [
        '--name', `n${i}`, '--data-dir', dir.join(`${launcher.kind}-${count}-n${i}.data`), '--listen-client-urls', endpoint, '--advertise-client-urls', endpoint,
        '--listen-peer-urls', `http://${LOOPBACK}:${peers[i]}`, '--initial-advertise-peer-urls', links.url(i), '--initial-cluster', cluster,
        '--initial-cluster-token', `wan-${ports[0]}`, '--initial-cluster-state', 'new',
      ];
      return new Program({
        name: `${launcher.kind} n${i}`, command: 'unshare', args: ['--mount', 'sh', '-c', WITH_HOSTS, hosts, launcher.command, ...launcher.args, ...own],
        logFile: dir.join(`${launcher.kind}-${count}-n${i}.log`),
      });
    });
    const sites = new Sites(links, endpoints, programs);
    try {
      for (const program of programs) program.start();
      await Promise.all(programs.map((program) => program.waitForLine(READY_LINE, START_MS)));
      return sites;
    } catch (error) {
      await sites[Symbol.asyncDispose]();
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#programs.map((program) => program.stop()));
    await this.links[Symbol.asyncDispose]();
  }
}
