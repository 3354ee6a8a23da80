/**
 * Answers for all replicas of pods that KWOK plays, at one address: who is asked stands in the Host header. Only the admin pages; there is no data. With real
 * replicas see the suites on a real cluster; 600 of them do not fit here.
 */
import { createServer } from 'node:http';
import type { Server } from 'node:http';

interface Replica {
  readonly name: string;
  readonly slot: number;
  readonly log: string;
  drain: 'serving' | 'drained';
}

interface Cluster {
  number: number;
  readonly members: Map<string, Replica>;
  readonly left: Set<string>;
}

export class PlayedReplicas implements AsyncDisposable {
  readonly address: string;
  readonly #server: Server;
  readonly #clusters = new Map<string, Cluster>();
  #questions = 0;

  private constructor(address: string, server: Server) {
    this.address = address;
    this.#server = server;
  }

  /** @param address a loopback address of its own: the port is the replicas' */
  static async start(address: string): Promise<PlayedReplicas> {
    const server = createServer();
    const replicas = new PlayedReplicas(address, server);
    server.on('request', (request, response) => {
      const [pod = '', headless = '', namespace = ''] = (request.headers.host ?? '').split('.');
      const answer = replicas.#answer(`${namespace}/${headless}`, pod, `${request.method} ${(request.url ?? '').split('?')[0]}`);
      response.writeHead(answer === null ? 409 : 200, { 'content-type': 'application/json' }).end(JSON.stringify(answer ?? { error: 'not now' }));
    });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(2379, address, resolve);
    });
    return replicas;
  }

  get questions(): number {
    return this.#questions;
  }

  #answer(key: string, pod: string, what: string): object | null {
    this.#questions++;
    const cluster = this.#clusters.get(key) ?? { number: 1, members: new Map<string, Replica>(), left: new Set<string>() };
    this.#clusters.set(key, cluster);
    const slot = Number(/-(\d+)$/.exec(pod)?.[1] ?? 0);
    // The process of a replica that has left ends; its pod's name does not come back in these tests.
    if (cluster.left.has(pod)) return null;
    let replica = cluster.members.get(pod);
    if (replica === undefined) {
      replica = { name: pod, slot, log: `${slot}.${cluster.number}`, drain: 'serving' };
      cluster.members.set(pod, replica);
      cluster.number++;
    }
    if (what === 'POST /admin/drain') replica.drain = 'drained';
    if (what === 'POST /admin/undrain') replica.drain = 'serving';
    if (what === 'POST /admin/leave') {
      if (replica.drain !== 'drained') return null;
      cluster.members.delete(pod);
      cluster.left.add(pod);
      cluster.number++;
    }
    const members = [...cluster.members.values()];
    return {
      name: pod, slot, memberId: `${slot + 1}`, log: replica.log, clusterId: Buffer.from(key).toString('hex').slice(0, 16), version: 'played', revision: 512, serving: replica.drain === 'serving', why: null,
      drain: { state: replica.drain, lacking: [] },
      configuration: { number: cluster.number, members: members.map((m) => ({ id: `${m.slot + 1}`, name: m.name, slot: m.slot, log: m.log, standing: 'voting' })) },
      peers: members.filter((m) => m.name !== pod).map((m) => ({ name: m.name, connected: true, lagSeconds: 0 })),
      alarms: [],
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
