/**
 * Two EdgeStores of one store: "north" begins it, "south" joins by peers. Here both are on one cluster, in namespaces of their own and without anything
 * that the operator could see of the other; between two clusters only the names differ. Certificates of a CA that both trust come by a Secret, late.
 *
 *   node e2e/operator/federation/main.ts [--name e2e-fed] [--keep]
 */
import { request } from 'node:https';
import { parseArgs } from 'node:util';
import { issue, makeCa } from '../../../operator/certificates/issue.ts';
import { Rpc } from '../../robustness/shared/rpc.ts';
import { createStore, install, restrictedNamespace } from '../install.ts';
import { RealCluster, until } from '../real-cluster.ts';
import { Steps, expect } from '../steps.ts';
import { Store } from '../store.ts';

const { values } = parseArgs({ options: { name: { type: 'string', default: 'e2e-fed' }, keep: { type: 'boolean', default: false } } });
const steps = new Steps('operator/federation');
const DATA = '/both/';
const KEYS = 50;
const host = (side: string, pod: string): string => `${pod}.${side}-headless.${side}.svc.cluster.local`;

await using cluster = await RealCluster.start(values.name, values.keep);
cluster.loadImage();
await install(cluster);
for (const side of ['north', 'south']) await restrictedNamespace(cluster, side);

const ca = await makeCa('both halves', Date.now());
const base64 = (text: string): string => Buffer.from(text).toString('base64');
async function giveCertificate(side: string): Promise<void> {
  const own = await issue(ca, side, [host(side, '*')], Date.now());
  await cluster.apply({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'federation-peer', namespace: side }, type: 'kubernetes.io/tls', data: { 'tls.crt': base64(own.certPem), 'tls.key': base64(own.keyPem), 'ca.crt': base64(ca.certPem) } });
}
const make = (side: string, slotBase: number, founder: boolean, peers: readonly { name: string; url: string }[]): Promise<Store> => createStore(cluster, side, side, {
  replicas: 2, slotBase,
  resources: { requests: { cpu: '50m', memory: '128Mi' } },
  tls: { peer: { source: 'Secret', secretName: 'federation-peer' } },
  federation: { token: 'store-of-both-halves', founder, peers, advertisePeerURL: `https://${host(side, '{pod}')}:2380` },
});
let north = new Store(cluster, 'north', 'north');
let south = new Store(cluster, 'south', 'south');
const all = async (): Promise<{ pod: string; url: string }[]> => [...await north.endpoints(), ...await south.endpoints()];

/** Puts KEYS keys at each replica, named after `round` and the replica. */
async function write(round: string): Promise<number> {
  const endpoints = await all();
  await Promise.all(endpoints.map(async ({ pod, url }) => {
    const rpc = new Rpc(url);
    for (let i = 0; i < KEYS; i++) await rpc.put(`${DATA}${round}/${pod}/${i}`, pod);
    rpc.close();
  }));
  return endpoints.length * KEYS;
}
const everywhere = (keys: number): Promise<unknown> => until(`${keys} keys at every replica of both`, 60, async () => {
  const sizes = await Promise.all((await all()).map(async ({ url }) => (await Store.list(url, DATA)).size));
  return sizes.every((size) => size === keys);
});
let written = 0;

await steps.run('without its certificate it says what it waits for; then it begins', async () => {
  north = await make('north', 0, true, []);
  await until('it says so', 60, async () => (await north.condition('Degraded'))?.message.includes('the peer port waits for its certificate: there is no Secret federation-peer') === true);
  await giveCertificate('north');
  await north.ready(2, 180);
});

await steps.run('the other half joins by one first contact: one store, slots of its own, no replica twice', async () => {
  await giveCertificate('south');
  // One of the two contacts is not there.
  south = await make('south', 64, false, [{ name: 'north-7', url: `https://${host('north', 'north-7')}:2380` }, { name: 'north-0', url: `https://${host('north', 'north-0')}:2380` }]);
  await south.ready(2, 180);
  const [one, other] = [await north.get(), await south.get()];
  expect(one.status?.clusterId === other.status?.clusterId, `cluster ${one.status?.clusterId} and ${other.status?.clusterId}`);
  const slots = [one, other].map(({ status }) => (status?.replicaStatus ?? []).map(({ name, slot }) => `${name}:${slot}`).join());
  expect(slots.join(' ') === 'north-0:0,north-1:1 south-0:64,south-1:65', slots.join(' '));
});

await steps.run('what is written at any of the four is at all of them', async () => {
  written += await write('all');
  await everywhere(written);
  return `${written} keys`;
});

await steps.run('the half that began it is gone for a while; the other writes on, and they converge', async () => {
  await cluster.kubectl(['delete', 'pod', '-n', 'north', 'north-0', 'north-1', '--grace-period=0', '--force']);
  const rpc = new Rpc((await south.endpoints())[0]?.url ?? '');
  for (let i = 0; i < KEYS; i++) await rpc.put(`${DATA}alone/${i}`, 'south');
  rpc.close();
  written += KEYS;
  await north.ready(2, 180);
  await everywhere(written);
});

await steps.run('one half scales in: its replica is drained to both; nothing of it is lost', async () => {
  written += await write('before');
  await south.scale(1);
  await south.ready(1, 180);
  await everywhere(written);
  await north.ready(2, 60);
  const { configuration } = await (await fetch(`${(await north.endpoints())[0]?.url}/admin/status`)).json() as { configuration: { members: { name: string; standing: string }[] } };
  const members = configuration.members.filter(({ standing }) => standing === 'voting').map(({ name }) => name).sort().join();
  expect(members === 'north-0,north-1,south-0', members);
});

await steps.run('TLS for clients: without clientCertAuth none needs a certificate, with it nobody gets in without', async () => {
  const sealed = await createStore(cluster, 'north', 'sealed', { replicas: 1, tls: { client: { source: 'SelfSigned' } }, resources: { requests: { cpu: '50m', memory: '128Mi' } } });
  await sealed.ready(1, 120);
  const secret = await cluster.api.get('/api/v1/namespaces/north/secrets/sealed-client-tls') as unknown as { data: Record<string, string> };
  const file = (name: string): string => Buffer.from(secret.data[name] ?? '', 'base64').toString();
  const version = async (own: object): Promise<string> => {
    const [pod] = await sealed.pods();
    return new Promise((resolve, reject) => {
      request({ host: pod?.status.podIP, port: 2379, path: '/version', servername: 'sealed-0.sealed-headless.north.svc', ca: file('ca.crt'), agent: false, ...own }, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk)).on('end', () => resolve(text));
      }).on('error', reject).end();
    });
  };
  expect((await version({})).includes('etcdserver'), 'no version');
  await sealed.patch({ tls: { client: { clientCertAuth: true } } });
  await until('it wants certificates', 120, async () => (await sealed.pods()).length === 1 && await version({ cert: file('tls.crt'), key: file('tls.key') }).then(() => version({}).then(() => false, () => true), () => false));
  expect((await version({ cert: file('tls.crt'), key: file('tls.key') })).includes('etcdserver'), 'no version with a certificate');
});

if (steps.failed) {
  await cluster.diagnose('north');
  await cluster.diagnose('south');
}
await cluster[Symbol.asyncDispose]();
process.exit(steps.failed ? 1 : 0);
