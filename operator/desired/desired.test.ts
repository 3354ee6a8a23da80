import { describe, expect, test } from '@jest/globals';
import { edgestore } from '../testing.ts';
import { bytesOf, clientArgs } from './arguments.ts';
import { autoscaler } from './autoscaler.ts';
import { certManagerCertificate, hostNames } from './certificate.ts';
import { peersConfigMap } from './config-map.ts';
import { after, before } from './desired.ts';
import { networkPolicy } from './network-policy.ts';
import { statefulSet, templateHash } from './stateful-set.ts';
import type { StatefulSetInput } from './stateful-set.ts';

const input = (more: Partial<StatefulSetInput> = {}): StatefulSetInput => ({ store: edgestore(), replicas: 3, partition: 256, image: 'i:1', imagePullPolicy: '', clusterDomain: 'cluster.local', claimSize: '1Gi', token: 't', ...more });
const dig = (object: unknown, ...path: (string | number)[]): unknown => path.reduce<unknown>((at, key) => (at as Record<string, unknown> | undefined)?.[key], object);
const federation = { token: 'token-of-all', founder: false, peers: [{ name: 'north-0', url: 'https://north-0.example:2380' }], advertisePeerURL: 'https://{pod}.south.example:2380' };

describe('the StatefulSet', () => {
  const { object } = statefulSet(input());
  const pod = dig(object, 'spec', 'template', 'spec');
  test('runs restricted', () => {
    expect(dig(pod, 'securityContext')).toMatchObject({ runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } });
    expect(dig(pod, 'containers', 0, 'securityContext')).toEqual({ allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, runAsNonRoot: true, capabilities: { drop: ['ALL'] } });
    expect(pod).toMatchObject({ automountServiceAccountToken: false, enableServiceLinks: false });
  });
  test('requests on every container: an autoscaler needs them', () => expect(dig(pod, 'containers', 0, 'resources', 'requests', 'cpu')).toBe('100m'));
  test('probes need no certificate', () => expect(dig(pod, 'containers', 0, 'readinessProbe', 'httpGet')).toEqual({ path: '/readyz', port: 'metrics', scheme: 'HTTP' }));
  test('the pod shows why a replica refuses to start', () => expect(dig(pod, 'containers', 0, 'terminationMessagePolicy')).toBe('FallbackToLogsOnError'));
  test('how many there are, who updates, and how large new volumes are is no change of the template', () => {
    const hash = templateHash(input());
    expect(templateHash(input({ replicas: 5, partition: 2, claimSize: '9Gi' }))).toBe(hash);
    expect(templateHash(input({ image: 'i:2' }))).not.toBe(hash);
  });
  test('volumes outlive it, unless it is said otherwise', () => {
    expect(dig(object, 'spec', 'persistentVolumeClaimRetentionPolicy')).toEqual({ whenDeleted: 'Retain', whenScaled: 'Retain' });
  });
  test('a spread constraint selects the replicas unless it says otherwise', () => {
    const store = edgestore({ topologySpreadConstraints: [{ maxSkew: 1, topologyKey: 'zone', whenUnsatisfiable: 'DoNotSchedule' }] });
    expect(dig(statefulSet(input({ store })).object, 'spec', 'template', 'spec', 'topologySpreadConstraints', 0)).toMatchObject({ topologyKey: 'zone', labelSelector: { matchLabels: { 'app.kubernetes.io/instance': 'shop' } } });
  });
});

describe('the command line', () => {
  test('alike for all, but for the pod\'s name', () => {
    const args = clientArgs(edgestore({ slotBase: 64 }), 'cluster.local', '/d', 't');
    expect(args).toContain('--initial-cluster=$(CLUSTER_PEERS),$(POD_NAME)=https://$(POD_NAME).shop-headless.edge.svc.cluster.local:2380');
    expect(args).toEqual(expect.arrayContaining(['--founder=shop-0', '--strided-revisions', '--slot-base=64', '--flush-timeout=40s', '--peer-client-cert-auth']));
  });
  test('clients need a certificate only if that is asked for', () => {
    const args = (clientCertAuth: boolean) => clientArgs(edgestore({ tls: { client: { source: 'SelfSigned', clientCertAuth }, peer: { source: 'SelfSigned' } } }), 'cluster.local', '/d', 't').filter((arg) => /^--(trusted-ca-file|client-cert-auth)/.test(arg));
    expect([args(false), args(true)]).toEqual([[], ['--trusted-ca-file=/etc/edgestore/client/ca.crt', '--client-cert-auth']]);
  });
  test('connections age only if they are asked to', () => {
    const args = (spec: Parameters<typeof edgestore>[0]) => clientArgs(edgestore(spec), 'cluster.local', '/d', 't').filter((arg) => arg.startsWith('--max-connection-age'));
    expect([args({}), args({ maxConnectionAge: '5m' })]).toEqual([[], ['--max-connection-age=5m']]);
  });
  test('a cluster that joins others never begins one', () => {
    const args = clientArgs(edgestore({ federation }), 'cluster.local', '/d', 't');
    expect(args.some((arg) => arg.startsWith('--founder'))).toBe(false);
    expect(args).toContain('--initial-advertise-peer-urls=https://$(POD_NAME).south.example:2380');
  });
  test.each([['1Gi', 1_073_741_824], ['500m', 1], ['2k', 2_000], [7, 7], ['1.5Ki', 1_536]])('%s is %d bytes', (quantity, bytes) => expect(bytesOf(quantity)).toBe(bytes));
  test('no quantity', () => expect(() => bytesOf('much')).toThrow('"much" is no quantity'));
});

describe('whom a replica asks for a place', () => {
  const data = (founded: boolean, replicas: number, store = edgestore()) => peersConfigMap(store, founded, replicas, 'cluster.local').object['data'] as { state: string; peers: string };
  test('the first one nobody', () => expect(data(false, 1)).toEqual({ state: 'new', peers: '' }));
  test('from then on any of them', () => expect(data(true, 2)).toEqual({
    state: 'existing', peers: 'shop-0=https://shop-0.shop-headless.edge.svc.cluster.local:2380,shop-1=https://shop-1.shop-headless.edge.svc.cluster.local:2380',
  }));
  test('bounded', () => expect(data(true, 64).peers.split(',')).toHaveLength(8));
  test('replicas of other clusters', () => expect(data(false, 1, edgestore({ federation }))).toEqual({ state: 'existing', peers: 'north-0=https://north-0.example:2380' }));
});

describe('the others', () => {
  const kindsOf = (wanted: readonly { resource: { kind: string } }[]): string[] => wanted.map(({ resource }) => resource.kind);
  test('what pods need comes before them', () => expect(kindsOf(before(edgestore(), false, 1, 'cluster.local'))).toEqual(['ConfigMap', 'Service', 'Service', 'PodDisruptionBudget']));
  test('a Service for each replica', () => expect(after(edgestore(), 2).map(({ object }) => object.metadata.name)).toEqual(['shop-0', 'shop-1']));
  test('the autoscaler writes the EdgeStore, never the StatefulSet', () => {
    expect(autoscaler(edgestore())).toBeNull();
    const made = autoscaler(edgestore({ autoscaling: { minReplicas: 2, maxReplicas: 5 } }))?.object;
    expect(dig(made, 'spec', 'scaleTargetRef')).toEqual({ apiVersion: 'edgestore.dev/v1alpha1', kind: 'EdgeStore', name: 'shop' });
    expect(dig(made, 'spec', 'metrics', 0, 'resource', 'target')).toEqual({ type: 'Utilization', averageUtilization: 70 });
    expect(dig(made, 'spec', 'behavior', 'scaleDown')).toMatchObject({ stabilizationWindowSeconds: 300, policies: [{ type: 'Pods', value: 1, periodSeconds: 60 }] });
    const own = autoscaler(edgestore({ autoscaling: { minReplicas: 2, maxReplicas: 5, metrics: [{ type: 'Pods' }] } }))?.object;
    expect(dig(own, 'spec', 'metrics')).toEqual([{ type: 'Pods' }]);
  });
  test('certificates name every replica, and for clients the Services', () => {
    expect(hostNames(edgestore(), 'peer', 'cluster.local')).toContain('*.shop-headless.edge.svc.cluster.local');
    expect(hostNames(edgestore(), 'peer', 'cluster.local')).not.toContain('shop-client');
    expect(hostNames(edgestore(), 'client', 'cluster.local')).toEqual(expect.arrayContaining(['shop-client.edge.svc', 'shop-2.edge.svc', 'localhost']));
    expect(certManagerCertificate(edgestore(), 'peer', 'cluster.local')).toBeNull();
  });
  test('a policy lets peers to peers, and the operator to the client port', () => {
    const { networkPolicy: off } = edgestore().spec;
    expect(networkPolicy(edgestore())).toBeNull();
    const rules = dig(networkPolicy(edgestore({ networkPolicy: { ...off, enabled: true, clientFrom: [{ podSelector: {} }] } }))?.object, 'spec', 'ingress') as { ports: { port: string }[]; from?: unknown[] }[];
    expect(rules.map(({ ports, from }) => [ports[0]?.port, from?.length])).toEqual([['peer', 1], ['client', 3], ['metrics', undefined]]);
  });
});
