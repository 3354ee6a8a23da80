/** The schedules of REPLICATION.md that broke earlier rules of merging, each by its number; and rules of the table by themselves. */
import { expect, test } from '@jest/globals';
import { logId } from '../stamp.ts';
import type { Stamp } from '../stamp.ts';
import { Merger } from './merger.ts';
import type { RawHead, Result } from './merger.ts';

const merger = new Merger();
const [A, B, C] = [logId(0, 1), logId(1, 2), logId(2, 3)] as const;
const never = (): boolean => false;

type Json = { [key: string]: unknown };
const bytes = (object: Json): Uint8Array => new Uint8Array(Buffer.from(JSON.stringify(object)));
const json = (value: Uint8Array | null): Json | null => (value === null ? null : (JSON.parse(Buffer.from(value).toString()) as Json));

/** A write over one that its author saw (and over all that this one's author had seen). */
function write(log: number, lamport: number, seen: readonly RawHead[], value: Uint8Array | null, stable: (stamp: Stamp) => boolean = never): RawHead {
  const context = new Map<number, number>();
  for (const head of seen) for (const [other, counter] of head.context()) context.set(other, Math.max(counter, context.get(other) ?? 0));
  context.set(log, lamport);
  const standing = seen.filter((h) => !seen.some((g) => g !== h && (g.context().get(h.stamp.log) ?? 0) >= h.stamp.lamport));
  const info = value === null ? null : standing.length > 1 ? merger.overResult(merge(standing), value, stable) : merger.over(standing[0] ?? null, value, stable);
  return { stamp: { log, lamport }, context: () => context, value, info };
}
const merge = (heads: readonly RawHead[]): Result => merger.evaluate(heads.map((head) => merger.decode(head)), heads.map((head) => head.value));
const rules = (result: Result): string[] => result.decisions.map(({ rule }) => rule);

const configMap = (data: Json, metadata: Json = {}): Uint8Array => bytes({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'c', uid: 'u', ...metadata }, data });

test('schedule 1: what was removed does not come back because the version before it has been forgotten', () => {
  const first = write(A, 1, [], configMap({ a: '1', e: '1' }));
  const more = write(A, 2, [first], configMap({ a: '1', e: '1', b: '2', n: '2' }));
  const removed = write(A, 3, [more], configMap({ e: '1', b: '2', n: '2' }));
  const edited = write(C, 2, [first], configMap({ a: '4', e: '1' }));
  // The edit is a change of its own: it stays. What nobody has edited stays away.
  expect(json(merge([removed, edited]).value)!['data']).toEqual({ a: '4', b: '2', e: '1', n: '2' });
  const untouched = write(C, 2, [first], configMap({ a: '1', e: '4' }));
  expect(json(merge([removed, untouched]).value)!['data']).toEqual({ b: '2', e: '4', n: '2' });
});

test('schedule 2: a version that was replaced is not concurrent with what came of what replaced it', () => {
  const r = write(A, 1, [], configMap({ a: '1' }));
  const r1 = write(B, 2, [r], configMap({ a: '2' }));
  const w = write(C, 3, [r1], configMap({ a: '3' }));
  expect(w.context().get(A)).toBe(1);
});

test('schedule 3: a finalizer, an edit, a deletion that saw only the edit: a merge record in between changes nothing', () => {
  const base = write(A, 1, [], configMap({ a: '1' }));
  const x = write(A, 2, [base], configMap({ a: '1' }, { finalizers: ['f'] }));
  const y = write(B, 3, [base], configMap({ a: '2' }));
  const deletion = write(C, 4, [base, y], null);
  const without = merge([x, deletion]);
  expect(rules(without)).toContain('finalizer');
  expect(json(without.value)!['metadata']).toMatchObject({ finalizers: ['f'], deletionGracePeriodSeconds: 0 });
  // Had one been written of x and y before the deletion came, it would have shown the edit, too: that is why it waits until all heads are stable.
  const early: RawHead = { ...write(A, 4, [x, y], merge([x, y]).value), info: merger.written(merge([x, y])) };
  expect(merge([early, deletion]).value).not.toEqual(without.value);
});

const deployment = (spec: Json, metadata: Json = {}, status: Json = {}): Uint8Array => bytes({
  apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'd', uid: 'u', generation: 1, ...metadata },
  spec: { replicas: 1, selector: { matchLabels: { app: 'd' } }, template: { metadata: { labels: { app: 'd' } }, spec: { containers: [{ name: 'c', image: 'one' }] } }, ...spec }, status,
});

test('a Deployment: image, scale, label, status and finalizer, each from where it was changed', () => {
  const base = write(A, 1, [], deployment({}));
  const template = { metadata: { labels: { app: 'd' } }, spec: { containers: [{ name: 'c', image: 'two' }] } };
  const heads = [
    write(A, 2, [base], deployment({ template }, { generation: 2 })),
    write(B, 2, [base], deployment({ replicas: 5 }, { generation: 2, labels: { site: 'b' } })),
    write(C, 2, [base], deployment({}, { finalizers: ['f'], labels: { here: 'c' } }, { conditions: [{ type: 'Available', status: 'True' }], readyReplicas: 1 })),
  ];
  for (const order of [heads, [...heads].reverse()]) {
    const merged = json(merge(order).value)!;
    expect(merged['metadata']).toMatchObject({ labels: { here: 'c', site: 'b' }, finalizers: ['f'], generation: 3 });
    expect(merged['spec']).toMatchObject({ replicas: 5, template: { spec: { containers: [{ image: 'two' }] } } });
    expect(merged['status']).toMatchObject({ readyReplicas: 1, conditions: [{ type: 'Available' }] });
  }
});

test('replicas: the larger, whichever came later', () => {
  const base = write(A, 1, [], deployment({}));
  const result = merge([write(A, 2, [base], deployment({ replicas: 7 })), write(B, 3, [base], deployment({ replicas: 4 }))]);
  expect(json(result.value)!['spec']).toMatchObject({ replicas: 7 });
  expect(rules(result)).toEqual(['largest']);
});

test('what apiserver would refuse is dropped for the whole winner', () => {
  const pod = (containers: Json[], volumes: Json[]): Json => ({ template: { metadata: { labels: { app: 'd' } }, spec: { containers, volumes } } });
  const base = write(A, 1, [], deployment(pod([{ name: 'c', image: 'one' }], [{ name: 'v', emptyDir: {} }])));
  const mounts = write(A, 2, [base], deployment(pod([{ name: 'c', image: 'one', volumeMounts: [{ name: 'v', mountPath: '/v' }] }], [{ name: 'v', emptyDir: {} }])));
  const without = write(B, 3, [base], deployment(pod([{ name: 'c', image: 'one' }], [])));
  const result = merge([mounts, without]);
  expect(rules(result)).toContain('invalid');
  expect(result.value).toEqual(without.value);
});

test('a deletion beats an edit; of two objects of one name that of the lowest slot wins, however the other was edited', () => {
  const base = write(A, 1, [], configMap({ a: '1' }));
  const result = merge([write(A, 5, [base], configMap({ a: '2' })), write(B, 2, [base], null)]);
  expect([result.value, rules(result)]).toEqual([null, ['delete']]);
  const mine = write(B, 1, [], configMap({ a: 'b' }, { uid: 'ub' }));
  const theirs = write(C, 1, [], configMap({ a: 'c' }, { uid: 'uc' }));
  const edited = write(C, 9, [theirs], configMap({ a: 'c2' }, { uid: 'uc' }));
  expect(json(merge([edited, mine]).value)!['metadata']).toMatchObject({ uid: 'ub' });
  // The author of the second had seen the first and deleted it.
  const gone = write(C, 2, [mine], null);
  const anew = write(C, 3, [mine, gone], configMap({ a: 'c' }, { uid: 'uc' }));
  const late = write(B, 5, [mine], configMap({ a: 'b2' }, { uid: 'ub' }));
  expect(json(merge([anew, late]).value)!['metadata']).toMatchObject({ uid: 'uc' });
});

test('a pod that was bound on both sides: whole', () => {
  const pod = (spec: Json, metadata: Json = {}): Uint8Array => bytes({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p', uid: 'u', ...metadata }, spec: { containers: [{ name: 'c', image: 'i' }], ...spec }, status: {} });
  const base = write(A, 1, [], pod({}));
  const result = merge([write(A, 2, [base], pod({ nodeName: 'n1' }, { labels: { a: '1' } })), write(B, 3, [base], pod({ nodeName: 'n2' }))]);
  expect([json(result.value)!['metadata'], rules(result)]).toEqual([{ name: 'p', uid: 'u' }, ['whole']]);
});

test('RBAC: a revocation is not undone by another\'s addition', () => {
  const binding = (...users: string[]): Uint8Array => bytes({
    apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'RoleBinding', metadata: { name: 'r', uid: 'u' },
    subjects: users.map((name) => ({ kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name })), roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'r' },
  });
  const base = write(A, 1, [], binding('eve', 'bob'));
  const merged = json(merge([write(A, 2, [base], binding('bob')), write(B, 3, [base], binding('eve', 'bob', 'ann'))]).value)!;
  expect((merged['subjects'] as { name: string }[]).map(({ name }) => name).sort()).toEqual(['ann', 'bob']);
});

test('an object that merges whole: what was taken away of the result of a merge, stays away', () => {
  const claim = (finalizers: string[], metadata: Json = {}): Uint8Array => bytes({ apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: { name: 'p', uid: 'u', finalizers, ...metadata }, spec: {}, status: {} });
  const base = write(A, 1, [], claim(['f']));
  const [here, there] = [write(A, 2, [base], claim(['f', 'here'], { deletionTimestamp: 't', deletionGracePeriodSeconds: 0 })), write(B, 3, [base], claim(['f', 'there']))];
  expect(json(merge([here, there]).value)!['metadata']).toMatchObject({ deletionTimestamp: 't', finalizers: ['f', 'there', 'here'] });
  const over = write(B, 4, [here, there], claim(['f', 'there'], { deletionTimestamp: 't', deletionGracePeriodSeconds: 0 }));
  const late = write(A, 3, [here], claim(['f', 'here'], { deletionTimestamp: 't', deletionGracePeriodSeconds: 0, labels: { l: 'x' } }));
  expect(json(merge([over, late]).value)!['metadata']).toMatchObject({ finalizers: ['f', 'there'] });
  // The last one, taken away on two sides.
  const nothing = write(A, 5, [over], claim(['there'], { deletionTimestamp: 't', deletionGracePeriodSeconds: 0 }));
  const less = write(B, 5, [over], claim(['f'], { deletionTimestamp: 't', deletionGracePeriodSeconds: 0 }));
  expect(merge([nothing, less]).value).toBeNull();
});

test('the order of a keyed list is that of the later head: a change of order alone may be lost', () => {
  const named = (...names: string[]): Json => ({ template: { metadata: { labels: { app: 'd' } }, spec: { containers: names.map((name) => ({ name, image: 'i' })) } } });
  const order = (result: Result): string[] => (json(result.value)!['spec'] as { template: { spec: { containers: { name: string }[] } } }).template.spec.containers.map(({ name }) => name);
  const base = write(A, 1, [], deployment(named('x', 'y')));
  const turned = write(A, 2, [base], deployment(named('y', 'x')));
  expect(order(merge([turned, write(B, 3, [base], deployment(named('x', 'y', 'z')))]))).toEqual(['x', 'y', 'z']);
  expect(order(merge([write(A, 4, [base], deployment(named('y', 'x'))), write(B, 3, [base], deployment(named('x', 'y', 'z')))]))).toEqual(['y', 'z', 'x']);
});

test('an element that both sides made is one side\'s, all of it', () => {
  const added = (image: string, more: Json): Uint8Array => deployment({ template: { metadata: { labels: { app: 'd' } }, spec: { containers: [{ name: 'c', image: 'one' }, { name: 'new', image, ...more }] } } });
  const base = write(A, 1, [], deployment({}));
  const result = merge([write(A, 2, [base], added('here', { workingDir: '/here' })), write(B, 3, [base], added('there', {}))]);
  expect(json(result.value)!['spec']).toMatchObject({ template: { spec: { containers: [{ name: 'c' }, { name: 'new', image: 'there' }] } } });
  expect(JSON.stringify(json(result.value))).not.toContain('/here');
  expect(rules(result)).toEqual(['created-twice']);
});

test('ten and more writers at once: each one\'s label is there, in whatever order they came', () => {
  const base = write(A, 1, [], deployment({}));
  const heads = Array.from({ length: 14 }, (_, i) => write(logId(i, 5), 2 + (i % 3), [base], deployment({}, { labels: { [`from-${i}`]: 'yes', shared: String(i) } })));
  const result = merge(heads);
  expect(Object.keys((json(result.value)!['metadata'] as { labels: Json }).labels).length).toBe(15);
  for (let turn = 1; turn < heads.length; turn++) expect(Buffer.from(merge([...heads.slice(turn), ...heads.slice(0, turn)]).value!).equals(Buffer.from(result.value!))).toBe(true);
});
