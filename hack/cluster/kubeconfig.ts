/** Who may talk to the cluster, and the files that say how. */
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Certificates } from './certificates.ts';
import { apiserverUrl } from './settings.ts';
import type { Settings } from './settings.ts';

/** Name of a person or program → user and groups. */
const users = (node: string): Readonly<Record<string, readonly [string, string]>> => ({
  admin: ['admin', 'system:masters'],
  kubelet: [`system:node:${node}`, 'system:nodes'],
});

export const kubeconfigPath = ({ folder }: Settings, user: 'admin' | 'kubelet' = 'admin'): string =>
  join(folder, user === 'admin' ? 'kubeconfig' : `kubeconfig.${user}`);

/** Writes a kubeconfig for each user, and tokens.csv for the apiserver. What is there stays. */
export function writeKubeconfigs(settings: Settings, certificates: Certificates): void {
  const tokens: string[] = [];
  const file = join(settings.folder, 'tokens.csv');
  if (existsSync(file)) return;
  for (const [name, [user, groups]] of Object.entries(users(settings.name))) {
    const token = randomBytes(24).toString('hex');
    tokens.push(`${token},${user},${user},"${groups}"`);
    writeFileSync(kubeconfigPath(settings, name as 'admin'), JSON.stringify({
      apiVersion: 'v1',
      kind: 'Config',
      'current-context': settings.name,
      clusters: [{ name: settings.name, cluster: { server: apiserverUrl(settings), 'certificate-authority-data': readFileSync(certificates.path('ca.crt')).toString('base64') } }],
      users: [{ name, user: { token } }],
      contexts: [{ name: settings.name, context: { cluster: settings.name, user: name } }],
    }, null, 2), { mode: 0o600 });
  }
  writeFileSync(file, `${tokens.join('\n')}\n`, { mode: 0o600 });
}

/** The token of the cluster's administrator, from its kubeconfig. */
export function adminToken(settings: Settings): string {
  const { users: [user] } = JSON.parse(readFileSync(kubeconfigPath(settings), 'utf8')) as { users: { user: { token: string } }[] };
  if (user === undefined) throw new Error(`${kubeconfigPath(settings)} names no user`);
  return user.user.token;
}
