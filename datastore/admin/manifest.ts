/** `edgestore manifest`: a static pod, for a store that lives under its own apiserver. The kubelet runs it; no apiserver is needed for that. */
import { dirname, isAbsolute } from 'node:path';
import { parseArgs } from 'node:util';
import { dump } from 'js-yaml';
import { configure } from '../config/config.ts';
import { ConfigError } from '../config/errors.ts';
import type { Settings } from '../config/settings.ts';

export const manifestUsage = `edgestore manifest --image IMAGE [--pod NAME] [--namespace NAMESPACE] [--run-as UID] [--cpu 100m] [--memory 256Mi] -- FLAGS OF edgestore serve

Prints a static pod that runs one replica: put it into the kubelet's staticPodPath (kubeadm: /etc/kubernetes/manifests). Flags are checked as "serve" would.
The pod is on the host's network; --data-dir, and the folders of certificates, are the host's and must be given as absolute paths. Probes use the first
of --listen-metrics-urls, which is added (http://127.0.0.1:2381) if none is given, since a kubelet has no client certificate.
--run-as: the user that the replica runs as (default 0, because the kubelet makes folders as root; give the data folder to another user first).`;

interface PodOptions {
  readonly image: string;
  readonly name: string;
  readonly namespace: string;
  readonly user: number;
  readonly cpu: string;
  readonly memory: string;
}

const METRICS_URL = 'http://127.0.0.1:2381';

function absolute(path: string, flag: string): string {
  if (!isAbsolute(path)) throw new ConfigError(`${flag} must be an absolute path of the node: ${path === '' ? 'it is not given' : path}`);
  return path;
}

/** The host's folders that the replica reads: those of its certificates, each once. */
function certificateFolders({ clientTls, peerTls }: Settings): string[] {
  const files = [clientTls, peerTls].flatMap((tls) => (tls === undefined ? [] : [tls.certFile, tls.keyFile, tls.trustedCaFile])).filter((path) => path !== '');
  return [...new Set(files.map((path) => dirname(absolute(path, 'a certificate'))))].sort();
}

/** The pod for a replica that is started with `flags`. Throws ConfigError on flags that `serve` would refuse. */
export function staticPod(flags: readonly string[], options: PodOptions): object {
  const first = configure(flags, {}, () => { throw new ConfigError('--config-file lies on the node: give flags'); });
  if (first.type !== 'serve') throw new ConfigError('flags of edgestore serve are wanted');
  const args = first.settings.listenMetricsUrls.length > 0 ? [...flags] : [...flags, `--listen-metrics-urls=${METRICS_URL}`];
  const command = configure(args, {}, () => '');
  if (command.type !== 'serve') throw new ConfigError('flags of edgestore serve are wanted');
  const { settings } = command;
  const dataDir = absolute(command.given.get('data-dir') ?? '', '--data-dir');
  const probed = settings.listenMetricsUrls[0];
  if (probed === undefined || probed.path !== '') throw new ConfigError('the first of --listen-metrics-urls must be one that a kubelet can ask: http://host:port');
  // Every interface: the kubelet asks at the node's address.
  const host = ['', '0.0.0.0', '::'].includes(probed.host) ? {} : { host: probed.host };
  const probe = (path: string, more: object): object => ({ httpGet: { ...host, port: probed.port, path, scheme: probed.tls ? 'HTTPS' : 'HTTP' }, timeoutSeconds: 15, ...more });
  const folders = [{ name: 'data', path: dataDir, readOnly: false }, ...certificateFolders(settings).map((path, i) => ({ name: `certificates-${i}`, path, readOnly: true }))];
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: options.name,
      namespace: options.namespace,
      labels: { 'app.kubernetes.io/name': 'edgestore', 'app.kubernetes.io/instance': settings.name, 'app.kubernetes.io/component': 'replica', tier: 'control-plane' },
    },
    spec: {
      hostNetwork: true,
      priorityClassName: 'system-node-critical',
      // It flushes to its peers before it ends.
      terminationGracePeriodSeconds: 30,
      securityContext: { seccompProfile: { type: 'RuntimeDefault' }, runAsUser: options.user, runAsGroup: options.user },
      containers: [{
        name: 'edgestore',
        image: options.image,
        imagePullPolicy: 'IfNotPresent',
        command: ['edgestore'],
        args: ['serve', ...args],
        resources: { requests: { cpu: options.cpu, memory: options.memory } },
        securityContext: { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } },
        // A large store takes its time to start; until then nothing else is asked.
        startupProbe: probe('/livez', { periodSeconds: 10, failureThreshold: 60 }),
        livenessProbe: probe('/livez', { periodSeconds: 10, failureThreshold: 8 }),
        readinessProbe: probe('/readyz', { periodSeconds: 5, failureThreshold: 3 }),
        volumeMounts: folders.map(({ name, path, readOnly }) => ({ name, mountPath: path, ...(readOnly ? { readOnly } : {}) })),
      }],
      volumes: folders.map(({ name, path, readOnly }) => ({ name, hostPath: { path, type: readOnly ? 'Directory' : 'DirectoryOrCreate' } })),
    },
  };
}

/** Runs the command. Returns the exit code. Throws on a bad command line. */
export function manifest(args: readonly string[], print: (text: string) => void): number {
  const end = args.indexOf('--');
  const { values } = parseArgs({
    args: args.slice(0, end < 0 ? args.length : end),
    options: {
      image: { type: 'string', default: '' }, pod: { type: 'string', default: 'edgestore' }, namespace: { type: 'string', default: 'kube-system' }, 'run-as': { type: 'string', default: '0' },
      cpu: { type: 'string', default: '100m' }, memory: { type: 'string', default: '256Mi' }, help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) {
    print(manifestUsage);
    return 0;
  }
  if (values.image === '') throw new ConfigError('--image is missing');
  if (!/^\d+$/.test(values['run-as'])) throw new ConfigError(`--run-as must be a number, not ${values['run-as']}`);
  if (end < 0) throw new ConfigError('flags of edgestore serve are missing: they come after --');
  const pod = staticPod(args.slice(end + 1), { image: values.image, name: values.pod, namespace: values.namespace, user: Number(values['run-as']), cpu: values.cpu, memory: values.memory });
  print(dump(pod, { lineWidth: -1, noRefs: true }).trimEnd());
  return 0;
}
