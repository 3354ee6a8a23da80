import { expect, test } from '@jest/globals';
import { load } from 'js-yaml';
import { configure } from '../config/config.ts';
import { manifest } from './manifest.ts';

interface Pod {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace: string };
  readonly spec: {
    readonly hostNetwork: boolean;
    readonly containers: readonly { readonly args: readonly string[]; readonly livenessProbe: object; readonly volumeMounts: readonly object[]; readonly securityContext: object }[];
    readonly volumes: readonly object[];
  };
}

function pod(...args: string[]): Pod {
  const printed: string[] = [];
  expect(manifest(args, (text) => printed.push(text))).toBe(0);
  return load(printed.join('\n')) as Pod;
}

const FLAGS = ['--name', 'a', '--data-dir', '/var/lib/edgestore', '--listen-client-urls', 'https://10.0.0.1:2379', '--advertise-client-urls', 'https://10.0.0.1:2379',
  '--cert-file', '/etc/pki/c.crt', '--key-file', '/etc/pki/c.key', '--trusted-ca-file', '/etc/ca/ca.crt', '--client-cert-auth'];

test('a static pod with the host\'s network and folders, probed where no client certificate is asked for', () => {
  const { kind, metadata, spec } = pod('--image', 'example/edgestore:1', '--', ...FLAGS);
  expect(kind).toBe('Pod');
  expect(metadata).toMatchObject({ name: 'edgestore', namespace: 'kube-system' });
  expect(spec.hostNetwork).toBe(true);
  const [container] = spec.containers;
  expect(container?.livenessProbe).toMatchObject({ httpGet: { host: '127.0.0.1', port: 2381, path: '/livez', scheme: 'HTTP' } });
  expect(container?.securityContext).toMatchObject({ readOnlyRootFilesystem: true, allowPrivilegeEscalation: false });
  expect(spec.volumes).toEqual([
    { name: 'data', hostPath: { path: '/var/lib/edgestore', type: 'DirectoryOrCreate' } },
    { name: 'certificates-0', hostPath: { path: '/etc/ca', type: 'Directory' } },
    { name: 'certificates-1', hostPath: { path: '/etc/pki', type: 'Directory' } },
  ]);
  // What the pod runs is what serve takes.
  expect(container?.args[0]).toBe('serve');
  expect(configure(container?.args.slice(1) ?? [], {}, () => '')).toMatchObject({ type: 'serve', settings: { name: 'a', dataDir: '/var/lib/edgestore' } });
});

test('metrics URLs that were given are used; every interface is asked at the node\'s address', () => {
  const { spec } = pod('--image', 'i', '--', '--data-dir', '/d', '--listen-metrics-urls', 'http://0.0.0.0:9000');
  expect(spec.containers[0]?.livenessProbe).toMatchObject({ httpGet: { port: 9000 } });
  expect(spec.containers[0]?.livenessProbe).not.toHaveProperty('httpGet.host');
  expect(spec.containers[0]?.args.filter((arg) => arg.includes('metrics'))).toHaveLength(1);
});

test.each([
  [['--', '--data-dir', '/d'], '--image is missing'],
  [['--image', 'i'], 'flags of edgestore serve are missing'],
  [['--image', 'i', '--', '--name', 'a'], '--data-dir must be an absolute path'],
  [['--image', 'i', '--', '--data-dir', 'd'], '--data-dir must be an absolute path'],
  [['--image', 'i', '--', '--data-dir', '/d', '--nonsense'], 'nonsense'],
  [['--image', 'i', '--', '--data-dir', '/d', '--cert-file', 'c', '--key-file', 'k', '--listen-client-urls', 'https://10.0.0.1:1', '--advertise-client-urls', 'https://10.0.0.1:1'], 'a certificate must be an absolute path'],
  [['--image', 'i', '--', '--config-file', '/etc/x'], '--config-file lies on the node'],
  [['--image', 'i', '--run-as', 'me', '--', '--data-dir', '/d'], '--run-as must be a number'],
])('%j: %s', (args, message) => {
  expect(() => manifest(args, () => {})).toThrow(message);
});
