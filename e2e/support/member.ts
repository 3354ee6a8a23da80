/**
 * Servers that speak the etcd v3 API and take etcd's command line: real etcd and EdgeStore are started by the same code,
 * so that a test can be handed either.
 */
import { Program } from './process.ts';
import type { Exit } from './process.ts';
import { LOOPBACK, freePorts } from './ports.ts';
import { TcpProxy } from './proxy.ts';
import type { TempDir } from './temp.ts';

/** One server process. */
export interface EtcdLike {
  readonly name: string;
  /** Its client URL, http://127.0.0.1:PORT. The same over restarts. */
  readonly endpoint: string;
  readonly dataDir: string;
  readonly logFile: string;
  readonly pid: number | undefined;
  /** Starts it and waits until it serves. */
  start(): Promise<void>;
  /** SIGTERM, then SIGKILL. */
  stop(): Promise<Exit | undefined>;
  /** kill -9, and waits for the end. */
  kill(): Promise<Exit | undefined>;
  /** stop, then start. */
  restart(): Promise<void>;
}

/** What starts a server: `command ...args FLAGS`. */
export interface Launcher {
  readonly kind: 'etcd' | 'edgestore';
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

export interface ClusterOptions {
  /** Where the data directories and logs go. */
  readonly dir: TempDir;
  /** How many members; 1 if left out. */
  readonly members?: number;
  /** One way between any two members, through a proxy in front of each peer address; no proxies if left out. */
  readonly peerDelay_ms?: number;
  /** More flags for every member. */
  readonly flags?: readonly string[];
  /** More flags for one member, by its number. */
  readonly memberFlags?: (member: number) => readonly string[];
  readonly readyTimeout_ms?: number;
}

/** What etcd and EdgeStore both print when clients may come. */
export const READY_LINE = 'ready to serve client requests';

class Member implements EtcdLike {
  readonly name: string;
  readonly endpoint: string;
  readonly dataDir: string;
  private readonly program: Program;
  private readonly readyTimeout_ms: number;

  constructor(name: string, endpoint: string, dataDir: string, program: Program, readyTimeout_ms: number) {
    this.name = name;
    this.endpoint = endpoint;
    this.dataDir = dataDir;
    this.program = program;
    this.readyTimeout_ms = readyTimeout_ms;
  }

  get logFile(): string {
    return this.program.logFile;
  }

  get pid(): number | undefined {
    return this.program.pid;
  }

  async start(): Promise<void> {
    this.program.start();
    await this.program.waitForLine(READY_LINE, this.readyTimeout_ms);
  }

  stop(): Promise<Exit | undefined> {
    return this.program.stop();
  }

  async kill(): Promise<Exit | undefined> {
    this.program.kill();
    return this.program.running ? this.program.wait() : undefined;
  }

  async restart(): Promise<void> {
    await this.stop();
    await this.start();
  }
}

/** One or several members that know of each other. */
export class Cluster implements AsyncDisposable {
  readonly kind: Launcher['kind'];
  readonly members: readonly EtcdLike[];
  /** In front of each member's peer address, in the members' order; empty without `peerDelay_ms`. */
  readonly peerProxies: readonly TcpProxy[];

  private constructor(kind: Launcher['kind'], members: readonly EtcdLike[], peerProxies: readonly TcpProxy[]) {
    this.kind = kind;
    this.members = members;
    this.peerProxies = peerProxies;
  }

  /** Chooses ports and directories; `start` starts the processes. */
  static async create(launcher: Launcher, options: ClusterOptions): Promise<Cluster> {
    const count = options.members ?? 1;
    const clientPorts = await freePorts(count * 2);
    const peerPorts = clientPorts.splice(count);
    const proxies = options.peerDelay_ms === undefined
      ? []
      : await Promise.all(peerPorts.map((port) => TcpProxy.start(port, { delay_ms: options.peerDelay_ms ?? 0 })));
    const url = (port: number | undefined): string => `http://${LOOPBACK}:${port}`;
    const advertised = peerPorts.map((port, i) => url(proxies[i]?.port ?? port));
    const initialCluster = advertised.map((peerUrl, i) => `n${i}=${peerUrl}`).join(',');
    const members = clientPorts.map((port, i) => {
      const name = `n${i}`;
      const dataDir = options.dir.join(`${launcher.kind}-${name}.data`);
      const program = new Program({
        name: `${launcher.kind} ${name}`,
        command: launcher.command,
        args: [
          ...launcher.args,
          '--name', name,
          '--data-dir', dataDir,
          '--listen-client-urls', url(port),
          '--advertise-client-urls', url(port),
          '--listen-peer-urls', url(peerPorts[i]),
          '--initial-advertise-peer-urls', advertised[i] ?? '',
          '--initial-cluster', initialCluster,
          '--initial-cluster-token', `e2e-${clientPorts[0]}`,
          '--initial-cluster-state', 'new',
          ...(options.flags ?? []),
          ...(options.memberFlags?.(i) ?? []),
        ],
        logFile: options.dir.join(`${launcher.kind}-${name}.log`),
        ...(launcher.env === undefined ? {} : { env: launcher.env }),
      });
      return new Member(name, url(port), dataDir, program, options.readyTimeout_ms ?? 60_000);
    });
    return new Cluster(launcher.kind, members, proxies);
  }

  /** The client URLs of all members. */
  get endpoints(): string[] {
    return this.members.map((member) => member.endpoint);
  }

  /** Starts all members at once (several etcd members only become ready together) and waits for the last. */
  async start(): Promise<void> {
    await Promise.all(this.members.map((member) => member.start()));
  }

  /** Stops all members and proxies. Data directories stay. */
  async stop(): Promise<void> {
    await Promise.all(this.members.map((member) => member.stop()));
    await Promise.all(this.peerProxies.map((proxy) => proxy.stop()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}
