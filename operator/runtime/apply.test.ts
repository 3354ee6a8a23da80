import { describe, expect, test } from '@jest/globals';
import { Applier, FIELD_MANAGER, HASH_ANNOTATION, hashOf, holds } from './apply.ts';
import type { KubeObject } from './objects.ts';
import { FakeApi } from './testing.ts';

const resource = { group: 'apps', version: 'v1', plural: 'statefulsets', kind: 'StatefulSet' };
const wanted: KubeObject = { apiVersion: 'apps/v1', kind: 'StatefulSet', metadata: { name: 'a', namespace: 'n', labels: { x: '1' } }, spec: { replicas: 3, cpu: '1000m' } };
/** As an apiserver makes it: defaults added, quantities in its own form, a version. */
const made = (more: object = {}, version = '7'): KubeObject => ({
  ...wanted, metadata: { ...wanted.metadata, uid: 'u', resourceVersion: version, annotations: { [HASH_ANNOTATION]: hashOf(wanted) } }, spec: { replicas: 3, cpu: '1', added: true, ...more }, status: { version },
});

describe('what would change nothing is not sent', () => {
  test('the first time it is sent, whole, with force and one manager', async () => {
    const api = new FakeApi();
    api.answer = () => made();
    expect((await new Applier(api).apply(resource, wanted, undefined)).result).toBe('applied');
    expect(api.calls).toMatchObject([{ method: 'PATCH', path: '/apis/apps/v1/namespaces/n/statefulsets/a', query: { fieldManager: FIELD_MANAGER, force: true }, contentType: 'application/apply-patch+yaml' }]);
  });
  test('values that the apiserver writes in another form are the same, also when its status has changed', async () => {
    const api = new FakeApi();
    api.answer = () => made();
    const applier = new Applier(api);
    await applier.apply(resource, wanted, undefined);
    expect((await applier.apply(resource, wanted, made({}, '8'))).result).toBe('unchanged');
    expect(api.calls.length).toBe(1);
  });
  test('what others have changed is put right', async () => {
    const api = new FakeApi();
    api.answer = () => made();
    const applier = new Applier(api);
    await applier.apply(resource, wanted, undefined);
    expect((await applier.apply(resource, wanted, made({ replicas: 9 }))).result).toBe('applied');
  });
  test('a field that is not wanted any more is seen by the hash', async () => {
    const api = new FakeApi();
    api.answer = () => made();
    const less = { ...wanted, spec: { replicas: 3 } };
    expect((await new Applier(api).apply(resource, less, made())).result).toBe('applied');
  });
  test('the version that it must be at is no part of what is wanted', async () => {
    const api = new FakeApi();
    api.answer = () => made();
    const same = { ...wanted, spec: { replicas: 3 } };
    const live = { ...same, metadata: { ...same.metadata, annotations: { [HASH_ANNOTATION]: hashOf(same) } } };
    expect((await new Applier(api).apply(resource, { ...same, metadata: { ...same.metadata, resourceVersion: '5' } }, live)).result).toBe('unchanged');
  });
});

test.each([
  [{ a: 1 }, { a: 1, b: 2 }, true],
  [{ a: 1 }, { a: 2 }, false],
  [{ a: [1, 2] }, { a: [1] }, false],
  [{ a: [{ n: 1 }] }, { a: [{ n: 1, d: 2 }] }, true],
  [{ a: [] }, {}, true],
  [{ a: [] }, { a: [1] }, false],
  [{ a: {} }, {}, true],
  [{ a: undefined }, {}, true],
  [{ a: '1' }, { a: 1 }, false],
  [{ a: { b: 1 } }, { a: null }, false],
])('%j in %j: %s', (wants, live, is) => expect(holds(wants, live)).toBe(is));

test('a hash does not depend on the order of keys', () => expect(hashOf({ a: 1, b: { c: 2, d: undefined } })).toBe(hashOf({ b: { c: 2 }, a: 1 })));
