import { expect, test } from '@jest/globals';
import { nodeClock } from '../../datastore/host/node-clock.ts';
import { ApiError } from '../runtime/client.ts';
import type { KubeClient } from '../runtime/client.ts';
import type { KubeObject } from '../runtime/objects.ts';
import { edgestore } from '../testing.ts';
import { awaitedSecrets } from './awaited.ts';

const SECRET = '/api/v1/namespaces/edge/secrets';
const CERTIFICATE = '/apis/cert-manager.io/v1/namespaces/edge/certificates';

function world() {
  const objects = new Map<string, object>();
  const asked: string[] = [];
  let now = 0;
  const client = {
    call: ({ path }: { path: string }) => {
      asked.push(path);
      const object = objects.get(path);
      return object === undefined ? Promise.reject(new ApiError(404, 'NotFound', 'not found')) : Promise.resolve(object as KubeObject);
    },
  } as unknown as KubeClient;
  return { objects, asked, pass: (ms: number) => (now += ms), awaited: awaitedSecrets(client, { ...nodeClock, monotonicMs: () => now }) };
}
const client = { source: 'None' as const, clientCertAuth: false };
const data = { 'tls.crt': 'YQ==', 'tls.key': 'YQ==', 'ca.crt': 'YQ==' };

test('a Secret by name: missing, half, whole; then it is not asked for again at once', async () => {
  const { objects, asked, awaited, pass } = world();
  const store = edgestore({ tls: { client, peer: { source: 'Secret', secretName: 'ours' } } });
  const messages = async () => (await awaited.lacking(store)).map(({ message }) => message);
  expect(await awaited.lacking(store)).toEqual([{ reason: 'CertificateMissing', message: 'the peer port waits for its certificate: there is no Secret ours' }]);
  objects.set(`${SECRET}/ours`, { data: { ...data, 'ca.crt': '' } });
  expect(await messages()).toEqual(['the peer port waits for its certificate: Secret ours has no ca.crt']);
  objects.set(`${SECRET}/ours`, { data });
  expect(await messages()).toEqual([]);
  objects.clear();
  expect(await messages()).toEqual([]);
  expect(asked).toHaveLength(3);
  pass(61_000);
  expect(await messages()).toHaveLength(1);
});

test('by cert-manager: what it says is passed on', async () => {
  const { objects, awaited } = world();
  const store = edgestore({ tls: { client: { ...client, source: 'CertManager', issuerRef: { name: 'i', kind: 'Issuer' } }, peer: { source: 'SelfSigned' } } });
  const messages = async () => (await awaited.lacking(store)).map(({ message }) => message);
  expect(await messages()).toEqual(['the client port waits for its certificate: there is no Secret shop-client-cert; cert-manager has said nothing of Certificate shop-client-cert']);
  objects.set(`${CERTIFICATE}/shop-client-cert`, { status: { conditions: [{ type: 'Ready', status: 'False', message: 'issuer "i" not found' }] } });
  expect(await messages()).toEqual(['the client port waits for its certificate: there is no Secret shop-client-cert; cert-manager says of Certificate shop-client-cert: issuer "i" not found']);
});

test('of the operator\'s own making, and none: nothing is asked', async () => {
  const { asked, awaited } = world();
  expect(await awaited.lacking(edgestore())).toEqual([]);
  expect(asked).toEqual([]);
});
