/** The operator as a process, with a service account of its own. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { ownNamespaceRules, resourceRules } from '../../../operator/rbac.ts';
import type { KubeApi } from '../../kubernetes/kube-api.ts';
import { freePort } from '../../support/ports.ts';
import { Program } from '../../support/process.ts';
import type { TempDir } from '../../support/temp.ts';
import { ROOT } from '../../support/edgestore.ts';

export const SYSTEM = 'edgestore-system';
export const ACCOUNT = `system:serviceaccount:${SYSTEM}:edgestore-operator`;

/** Its namespace, account and roles, exactly as operator/rbac.ts has them. */
export async function createAccount(api: KubeApi): Promise<void> {
  const name = 'edgestore-operator';
  const rbac = '/apis/rbac.authorization.k8s.io/v1';
  const subjects = [{ kind: 'ServiceAccount', name, namespace: SYSTEM }];
  const roleRef = (kind: string): object => ({ apiGroup: 'rbac.authorization.k8s.io', kind, name });
  await api.create('/api/v1/namespaces', { metadata: { name: SYSTEM } });
  await api.create(`/api/v1/namespaces/${SYSTEM}/serviceaccounts`, { metadata: { name } });
  await api.create(`${rbac}/clusterroles`, { metadata: { name }, rules: resourceRules });
  await api.create(`${rbac}/clusterrolebindings`, { metadata: { name }, roleRef: roleRef('ClusterRole'), subjects });
  await api.create(`${rbac}/namespaces/${SYSTEM}/roles`, { metadata: { name }, rules: ownNamespaceRules });
  await api.create(`${rbac}/namespaces/${SYSTEM}/rolebindings`, { metadata: { name }, roleRef: roleRef('Role'), subjects });
}

export class OperatorProcess implements AsyncDisposable {
  readonly program: Program;
  readonly #metricsUrl: string;

  private constructor(program: Program, metricsUrl: string) {
    this.program = program;
    this.#metricsUrl = metricsUrl;
  }

  static async start(api: KubeApi, dir: TempDir, name: string, flags: readonly string[] = []): Promise<OperatorProcess> {
    const { status } = await api.create(`/api/v1/namespaces/${SYSTEM}/serviceaccounts/edgestore-operator/token`, { spec: { expirationSeconds: 7_200 } }) as { status: { token: string } };
    mkdirSync(dir.join(name), { recursive: true });
    const kubeconfig = dir.join(name, 'kubeconfig');
    writeFileSync(kubeconfig, JSON.stringify({
      apiVersion: 'v1', kind: 'Config', 'current-context': 'e',
      clusters: [{ name: 'e', cluster: { server: api.url, 'insecure-skip-tls-verify': true } }],
      users: [{ name: 'e', user: { token: status.token } }],
      contexts: [{ name: 'e', context: { cluster: 'e', user: 'e', namespace: SYSTEM } }],
    }));
    const port = await freePort();
    const program = new Program({
      name: `operator ${name}`, command: process.execPath, logFile: dir.join(name, 'log'), env: { NODE_OPTIONS: '--max-semi-space-size=2 --disable-warning=ExperimentalWarning' },
      args: [`${ROOT}/operator/main.ts`, '--kubeconfig', kubeconfig, '--listen', `127.0.0.1:${port}`, '--replica-image', 'edgestore.dev/edgestore:test', ...flags],
    });
    program.start();
    return new OperatorProcess(program, `http://127.0.0.1:${port}`);
  }

  /** The sum of a metric's series. */
  async metric(name: string, labels = ''): Promise<number> {
    const text = await (await fetch(`${this.#metricsUrl}/metrics`)).text();
    return text.split('\n').filter((line) => line.startsWith(name) && (line[name.length] === '{' || line[name.length] === ' ') && line.includes(labels)).reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
  }

  get leads(): Promise<boolean> {
    return this.metric('leader_election_master_status').then((value) => value === 1, () => false);
  }

  residentMiB(): number {
    const kib = Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${this.program.pid}/status`, 'utf8'))?.[1]);
    return kib / 1_024;
  }

  async stop(): Promise<void> {
    await this.program.stop(15_000);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.program.stop(5_000);
  }
}
