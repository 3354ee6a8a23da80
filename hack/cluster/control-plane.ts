/** Command lines of the store, the apiserver and what works beside it. */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { kwokConfig } from '../../e2e/kubernetes/kwok.ts';
import { tool } from '../../e2e/tools/tools.ts';
import { flagsOf } from '../image/executables.ts';
import type { Certificates } from './certificates.ts';
import { kubeconfigPath } from './kubeconfig.ts';
import { apiserverService } from './settings.ts';
import type { Settings } from './settings.ts';

export interface Command {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

const ROOT = join(import.meta.dirname, '../..');

/** Who did what, for a comparison with what they may do: service accounts only, and nothing of what was in it. */
const auditPolicy = {
  apiVersion: 'audit.k8s.io/v1',
  kind: 'Policy',
  omitStages: ['RequestReceived', 'ResponseStarted'],
  rules: [{ level: 'Metadata', userGroups: ['system:serviceaccounts'] }, { level: 'None' }],
};

export function storeCommand(settings: Settings): Command {
  const { folder, ports, store } = settings;
  const url = (port: number): string => `http://127.0.0.1:${port}`;
  const flags = [
    '--name', 'store-0', '--data-dir', join(folder, 'store'),
    '--listen-client-urls', url(ports.store), '--advertise-client-urls', url(ports.store),
    '--listen-peer-urls', url(ports.peer), '--initial-advertise-peer-urls', url(ports.peer), '--initial-cluster', `store-0=${url(ports.peer)}`,
  ];
  return store === 'etcd'
    ? { name: 'store', command: tool('etcd'), args: [...flags, '--logger', 'zap', '--log-level', 'warn'] }
    : { name: 'store', command: process.execPath, args: [...flagsOf('edgestore'), join(ROOT, 'datastore/main.ts'), 'serve', ...flags] };
}

export function apiserverCommand(settings: Settings, { path }: Certificates): Command {
  const { folder, address, ports, net } = settings;
  mkdirSync(join(folder, 'log'), { recursive: true });
  writeFileSync(join(folder, 'audit-policy.json'), JSON.stringify(auditPolicy));
  return {
    name: 'kube-apiserver',
    command: tool('kube-apiserver'),
    args: [
      `--etcd-servers=http://127.0.0.1:${ports.store}`,
      ...(net === undefined ? ['--bind-address=127.0.0.1', '--advertise-address=192.0.2.1'] : [`--advertise-address=${address}`]),
      `--secure-port=${ports.apiserver}`,
      `--tls-cert-file=${path('apiserver.crt')}`, `--tls-private-key-file=${path('apiserver.key')}`, `--client-ca-file=${path('ca.crt')}`,
      `--kubelet-certificate-authority=${path('ca.crt')}`,
      `--kubelet-client-certificate=${path('apiserver-kubelet.crt')}`, `--kubelet-client-key=${path('apiserver-kubelet.key')}`,
      '--kubelet-preferred-address-types=InternalIP',
      `--service-account-key-file=${path('sa.pub')}`, `--service-account-signing-key-file=${path('sa.key')}`,
      '--service-account-issuer=https://kubernetes.default.svc.cluster.local',
      `--token-auth-file=${join(folder, 'tokens.csv')}`,
      '--authorization-mode=Node,RBAC',
      `--service-cluster-ip-range=${net?.services ?? apiserverService(settings).replace(/\.1$/, '.0/16')}`,
      '--allow-privileged',
      `--requestheader-client-ca-file=${path('front-proxy-ca.crt')}`, '--requestheader-allowed-names=front-proxy',
      '--requestheader-username-headers=X-Remote-User', '--requestheader-group-headers=X-Remote-Group', '--requestheader-extra-headers-prefix=X-Remote-Extra-',
      `--proxy-client-cert-file=${path('front-proxy.crt')}`, `--proxy-client-key-file=${path('front-proxy.key')}`, '--enable-aggregator-routing',
      `--audit-policy-file=${join(folder, 'audit-policy.json')}`, `--audit-log-path=${join(folder, 'log/audit.log')}`,
    ],
  };
}

/** Controllers and scheduler; with mode light also KWOK, which plays nodes and pods. */
export function controllerCommands(settings: Settings, { path }: Certificates): Command[] {
  const { folder, ports, mode } = settings;
  const kubeconfig = kubeconfigPath(settings);
  if (mode === 'light') writeFileSync(join(folder, 'kwok.yaml'), kwokConfig());
  return [
    {
      name: 'kube-controller-manager',
      command: tool('kube-controller-manager'),
      args: [
        `--kubeconfig=${kubeconfig}`, '--bind-address=127.0.0.1', `--secure-port=${ports.controllers}`, `--cert-dir=${join(folder, 'kcm')}`,
        '--controllers=*', '--use-service-account-credentials=false', '--leader-elect=false',
        `--service-account-private-key-file=${path('sa.key')}`, `--root-ca-file=${path('ca.crt')}`,
        `--cluster-signing-cert-file=${path('ca.crt')}`, `--cluster-signing-key-file=${path('ca.key')}`,
        // Nobody who works on this wants to wait for what production is careful about.
        '--horizontal-pod-autoscaler-sync-period=5s', '--horizontal-pod-autoscaler-downscale-stabilization=15s',
        '--horizontal-pod-autoscaler-initial-readiness-delay=5s', '--horizontal-pod-autoscaler-cpu-initialization-period=20s',
      ],
    },
    {
      name: 'kube-scheduler',
      command: tool('kube-scheduler'),
      args: [`--kubeconfig=${kubeconfig}`, '--leader-elect=false', '--bind-address=127.0.0.1', `--secure-port=${ports.scheduler}`, `--cert-dir=${join(folder, 'scheduler')}`],
    },
    ...(mode === 'light' ? [{ name: 'kwok', command: tool('kwok'), args: [`--kubeconfig=${kubeconfig}`, `--config=${join(folder, 'kwok.yaml')}`] }] : []),
  ];
}

/** Folders that programs expect to be there. */
export function makeFolders(folder: string): void {
  for (const name of ['log', 'store', 'kubelet', 'containerd', 'cni', 'cni-data', 'volumes', 'static-pods']) {
    if (!existsSync(join(folder, name))) mkdirSync(join(folder, name), { recursive: true, mode: name === 'store' ? 0o700 : 0o755 });
  }
}
