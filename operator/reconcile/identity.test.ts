import { expect, test } from '@jest/globals';
import { ADOPT_ANNOTATION } from '../resource/edgestore.ts';
import type { KubeObject } from '../runtime/objects.ts';
import { edgestore } from '../testing.ts';
import { identify, identitySecret, isProblem } from './identity.ts';
import type { IdentityInput } from './identity.ts';

const secret = (uid: string, clusterId = 'c1'): KubeObject => identitySecret(edgestore({}, undefined, { uid }), 'token-1', clusterId).object;
const ask = (more: Partial<IdentityInput>) => identify({ store: edgestore(), secret: undefined, claims: [], statefulSet: undefined, ...more });
const set: KubeObject = { metadata: { name: 'shop' }, spec: { template: { spec: { containers: [{ args: ['serve', '--initial-cluster-token=token-9'] }] } } } };

test('a new one: its uid keeps it apart from all others', () => expect(ask({})).toMatchObject({ token: 'uid-1', clusterId: null, adopted: 0, secret: { object: { metadata: { name: 'shop-identity' } } } }));
test('known', () => expect(ask({ secret: secret('uid-1'), claims: [0, 1], statefulSet: set })).toMatchObject({ token: 'token-1', clusterId: 'c1', secret: null, adopted: 0 }));
test('volumes of an earlier one are refused, and say what to do', () => {
  expect(ask({ secret: secret('uid-0'), claims: [0, 1, 2] })).toMatchObject({ reason: 'VolumesNotAdopted', message: expect.stringContaining(`${ADOPT_ANNOTATION}=true`) });
});
test('on request they are taken over, with their cluster, all of them', () => {
  const store = edgestore({}, undefined, { annotations: { [ADOPT_ANNOTATION]: 'true' } });
  expect(ask({ store, secret: secret('uid-0'), claims: [0, 1, 3] })).toMatchObject({ token: 'token-1', clusterId: 'c1', adopted: 4, adopts: true });
  // The operator that wrote the Secret and died before the StatefulSet: its successor still knows how many.
  expect(ask({ store, secret: secret('uid-1'), claims: [0, 1, 3] })).toMatchObject({ adopted: 4, secret: null });
});
test('an earlier one without volumes is nothing to take over', () => expect(ask({ secret: secret('uid-0') })).toMatchObject({ token: 'uid-1', clusterId: null }));
test('volumes without an identity', () => expect(isProblem(ask({ claims: [0] }))).toBe(true));
test('an identity that was deleted by hand comes back from what runs', () => {
  expect(ask({ store: edgestore({}, { clusterId: 'c1' }), claims: [0, 1], statefulSet: set })).toMatchObject({ token: 'token-9', clusterId: 'c1', secret: expect.anything() });
});
test('it outlives the EdgeStore if its volumes do', () => {
  expect(identitySecret(edgestore(), 't', 'c').object.metadata.ownerReferences).toBeUndefined();
  const kept = edgestore();
  const goes = edgestore({ storage: { ...kept.spec.storage, retention: 'Delete' } });
  expect(identitySecret(goes, 't', 'c').object.metadata.ownerReferences).toHaveLength(1);
});
