/** An unmodified Kubernetes control plane on a store: apiserver, controller manager, scheduler, KWOK. */
import { generateKeyPairSync } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePorts } from '../support/ports.ts';
import { Program } from '../support/process.ts';
import type { TempDir } from '../support/temp.ts';
import { tool } from '../tools/tools.ts';
import { KubeApi } from './kube-api.ts';
import { kwokConfig } from './kwok.ts';

const TOKEN = 'e2e-admin-token';

export interface ControlPlaneOptions {
  readonly dir: TempDir;
  /** Where logs and keys of this control plane go, below `dir`. */
  readonly name: string;
  /** The store's client URL. Exactly one: an apiserver must see one replica. */
  readonly etcd: string;
  /** More flags for kube-apiserver. */
  readonly apiserverFlags?: readonly string[];
  /** More flags for kube-controller-manager. */
  readonly controllerFlags?: readonly string[];
  /** More flags for kube-scheduler. */
  readonly schedulerFlags?: readonly string[];
  /** KWOK's configuration, if not that of kwok.ts for all nodes. */
  readonly kwok?: string;
  /** Starts controllers and schedulers again when they end, as a kubelet does: they end when they lose an election. */
  readonly restart?: boolean;
  /** Only the apiserver: no controllers, no scheduler, no nodes. */
  readonly apiserverOnly?: boolean;
  /** `start` leaves everything but the apiserver out; `startControllers` starts the controller manager. */
  readonly controllersLater?: boolean;
}

export class ControlPlane implements AsyncDisposable {
  readonly api: KubeApi;
  /** All that were ever started, an apiserver that was moved away included. */
  readonly programs: Program[];
  private readonly clients: readonly Program[];
  private readonly newApiserver: (etcd: string) => Program;
  private apiserver: Program;

  /** How often each program was started again after it ended by itself. */
  readonly restarts = new Map<string, number>();
  private readonly restart: boolean;
  private readonly later: boolean;
  private stopping = false;

  private constructor(api: KubeApi, etcd: string, newApiserver: (etcd: string) => Program, clients: readonly Program[], restart: boolean, later: boolean) {
    this.api = api;
    this.restart = restart;
    this.later = later;
    this.newApiserver = newApiserver;
    this.apiserver = newApiserver(etcd);
    this.clients = clients;
    this.programs = [this.apiserver, ...clients];
  }

  static async create(options: ControlPlaneOptions): Promise<ControlPlane> {
    const at = (file: string): string => options.dir.join(`${options.name}/${file}`);
    mkdirSync(at(''), { recursive: true });
    const [apiPort, kcmPort, schedulerPort] = await freePorts(3);
    const url = `https://127.0.0.1:${apiPort}`;
    writeKeys(options.dir);
    writeFileSync(at('tokens.csv'), `${TOKEN},admin,admin,system:masters\n`);
    writeFileSync(at('kubeconfig'), kubeconfig(url));
    writeFileSync(at('kwok.yaml'), options.kwok ?? kwokConfig());
    const rates = ['--kube-api-qps=1000', '--kube-api-burst=2000'];
    const program = (name: string, args: readonly string[], env: Record<string, string> = {}): Program =>
      new Program({ name, command: tool(name), args, env, logFile: at(`${name}.log`) });

    const newApiserver = (etcd: string): Program => program('kube-apiserver', [
      `--etcd-servers=${etcd}`,
      '--bind-address=127.0.0.1', `--secure-port=${apiPort}`,
      '--advertise-address=192.0.2.1', // an apiserver refuses to advertise a loopback address; nobody connects to this one
      `--service-account-key-file=${options.dir.join('sa.pub')}`,
      `--service-account-signing-key-file=${options.dir.join('sa.key')}`,
      '--service-account-issuer=https://kubernetes.default.svc',
      `--token-auth-file=${at('tokens.csv')}`,
      '--authorization-mode=Node,RBAC',
      `--cert-dir=${at('certs')}`,
      '--service-cluster-ip-range=10.96.0.0/16',
      '--max-requests-inflight=2000', '--max-mutating-requests-inflight=1000',
      ...(options.apiserverFlags ?? []),
    ], { KUBE_WATCHCACHE_CONSISTENCY_CHECKER: 'true' });
    const clients = options.apiserverOnly ? [] : [
      program('kube-controller-manager', [
        `--kubeconfig=${at('kubeconfig')}`, '--bind-address=127.0.0.1', `--secure-port=${kcmPort}`, `--cert-dir=${at('certs-kcm')}`,
        `--service-account-private-key-file=${options.dir.join('sa.key')}`, `--root-ca-file=${at('certs/apiserver.crt')}`,
        '--use-service-account-credentials=false', '--controllers=*', ...rates, ...(options.controllerFlags ?? []),
      ]),
      program('kube-scheduler', [`--kubeconfig=${at('kubeconfig')}`, '--bind-address=127.0.0.1', `--secure-port=${schedulerPort}`, `--cert-dir=${at('certs-scheduler')}`, ...rates, ...(options.schedulerFlags ?? [])]),
      program('kwok', [`--kubeconfig=${at('kubeconfig')}`, `--config=${at('kwok.yaml')}`]),
    ];
    return new ControlPlane(new KubeApi(url, TOKEN), options.etcd, newApiserver, clients, options.restart ?? false, options.controllersLater ?? false);
  }

  /** Starts the apiserver, waits until it is ready, then starts the rest. Returns the seconds until ready. */
  async start(timeout_s = 120): Promise<number> {
    const from = Date.now();
    this.apiserver.start();
    for (;;) {
      if (!this.apiserver.running) throw new Error(`kube-apiserver ended:\n${this.apiserver.tail(40)}`);
      const ready = await this.api.text('/readyz').then((text) => text === 'ok', () => false);
      if (ready) break;
      if (Date.now() - from > timeout_s * 1000) throw new Error(`kube-apiserver is not ready after ${timeout_s} s:\n${this.apiserver.tail(40)}`);
      await sleep(100);
    }
    for (const program of this.later ? [] : this.clients) {
      if (program.running) continue;
      program.start();
      if (this.restart) void this.keepRunning(program);
    }
    return (Date.now() - from) / 1000;
  }

  /** Starts the controller manager alone. */
  startControllers(): void {
    this.clients.find(({ name }) => name === 'kube-controller-manager')!.start();
  }

  private async keepRunning(program: Program): Promise<void> {
    for (;;) {
      await program.wait();
      if (this.stopping) return;
      this.restarts.set(program.name, (this.restarts.get(program.name) ?? 0) + 1);
      await sleep(500);
      if (this.stopping) return;
      program.start();
    }
  }

  /** Ends the apiserver and starts it again, on the same address, on another store. Its clients stay and connect again. */
  async moveTo(etcd: string): Promise<number> {
    await this.apiserver.stop(20_000);
    this.apiserver = this.newApiserver(etcd);
    this.programs.push(this.apiserver);
    return this.start();
  }

  /** Programs that should run and do not: a crash. */
  ended(): string[] {
    return [this.apiserver, ...this.clients].filter((program) => !program.running).map((program) => `${program.name} ended:\n${program.tail(15)}`);
  }

  /** The apiserver's metric, summed over the series that `select` accepts. */
  async metric(name: string, select: (labels: string) => boolean = () => true): Promise<number> {
    let sum = 0;
    for (const line of (await this.api.text('/metrics')).split('\n')) {
      const match = /^([a-z_]+)(\{[^}]*\})? ([0-9.e+]+)$/.exec(line);
      if (match?.[1] === name && select(match[2] ?? '')) sum += Number(match[3]);
    }
    return sum;
  }

  /** Ends everything, clients first, so that nothing logs errors about a server that the test took away. */
  async stop(): Promise<void> {
    this.stopping = true;
    await Promise.all(this.clients.map((program) => program.stop()));
    await this.apiserver.stop(20_000);
    this.api.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

/** One key pair for every control plane of a test, so that tokens outlive a failover. */
function writeKeys(dir: TempDir): void {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  try {
    writeFileSync(dir.join('sa.key'), privateKey.export({ type: 'pkcs8', format: 'pem' }), { flag: 'wx' });
  } catch {
    return; // it is there already
  }
  writeFileSync(dir.join('sa.pub'), publicKey.export({ type: 'spki', format: 'pem' }));
}

const kubeconfig = (server: string): string => JSON.stringify({
  apiVersion: 'v1',
  kind: 'Config',
  'current-context': 'e2e',
  clusters: [{ name: 'e2e', cluster: { server, 'insecure-skip-tls-verify': true } }],
  users: [{ name: 'admin', user: { token: TOKEN } }],
  contexts: [{ name: 'e2e', context: { cluster: 'e2e', user: 'admin' } }],
});
