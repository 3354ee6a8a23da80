/** `kubectl edgestore status` by people of a namespace who may not do everything. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { kubeconfigPath } from '../../../hack/cluster/kubeconfig.ts';
import { run } from '../../support/process.ts';
import { ROOT, until } from '../real-cluster.ts';
import type { RealCluster } from '../real-cluster.ts';
import { expect } from '../steps.ts';
import type { Store } from '../store.ts';

interface Answer {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the plugin as somebody to whom the namespace gives that role of the cluster's; null: none. */
async function asPerson(cluster: RealCluster, namespace: string, role: 'view' | 'edit' | null, args: readonly string[]): Promise<Answer> {
  const name = role === null ? 'stranger' : `only-${role}`;
  await cluster.apply({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name, namespace } }, ...(role === null ? [] : [{
    apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'RoleBinding', metadata: { name, namespace },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role }, subjects: [{ kind: 'ServiceAccount', name, namespace }],
  }]));
  const config = JSON.parse(readFileSync(kubeconfigPath(cluster.settings), 'utf8')) as { users: { name: string }[] };
  const token = (await cluster.kubectl(['create', 'token', name, '-n', namespace])).trim();
  const file = join(cluster.folder, `kubeconfig.${name}`);
  writeFileSync(file, JSON.stringify({ ...config, users: [{ name: config.users[0]?.name, user: { token } }] }), { mode: 0o600 });
  return run(process.execPath, ['--disable-warning=ExperimentalWarning', join(ROOT, 'operator/kubectl/main.ts'), ...args, '-n', namespace, '--kubeconfig', file], { timeout_ms: 60_000 });
}

/** With `view` what the operator says, and which right is missing for the rest; with `edit` everything; with nothing, which right is missing. */
export async function rights(cluster: RealCluster, { namespace, name }: Store): Promise<string> {
  const shown = ({ code, stdout, stderr }: Answer): string => `exit code ${code}\n${stdout}${stderr}`;
  // Roles that are put together reach the authorizer a moment later.
  const view = await until('whoever may view is answered', 30, async () => {
    const answer = await asPerson(cluster, namespace, 'view', ['status', name]);
    return answer.stdout === '' ? undefined : answer;
  });
  expect(view.code === 1 && new RegExp(`^${namespace}/${name}: Ready, 3 of 3 replicas serve`).test(view.stdout), shown(view));
  for (const ordinal of [0, 1, 2]) expect(new RegExp(`${name}-${ordinal} .*CaughtUp; not asked: needs get of pods/proxy, which the roles edit and admin have`).test(view.stdout), shown(view));
  const edit = await asPerson(cluster, namespace, 'edit', ['status', name, '-o', 'json']);
  const [store] = JSON.parse(edit.stdout) as { replicas: { pod: string; revision?: number; links?: unknown[]; error?: string }[] }[];
  expect(edit.code === 0 && store?.replicas.length === 3 && store.replicas.every(({ revision, links, error }) => (revision ?? 0) > 0 && links?.length === 2 && error === undefined), shown(edit));
  const none = await asPerson(cluster, namespace, null, ['status', name]);
  expect(none.code === 1 && none.stdout === '' && /edgestores.*is forbidden|cannot get resource "edgestores"/.test(none.stderr), shown(none));
  return none.stderr.trim();
}
