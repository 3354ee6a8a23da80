import { expect, test } from '@jest/globals';
import { decoded, deployment } from '../testing/objects.ts';
import { parsePolicy } from './file.ts';
import { Policies } from './policy.ts';
import { defaultPolicy } from './table.ts';

const object = decoded(deployment(new Map([['u', '1']])));

test('a policy of one\'s own takes the place of the table, or goes over it', () => {
  const whole = new Policies(parsePolicy('{"common": {}, "kinds": [{"kinds": ["builtin", "custom"], "merge": "whole"}]}'));
  expect(whole.of(object)!.merge).toBe('whole');
  const over = new Policies(parsePolicy('extends: default\nkinds:\n- kinds: [apps/Deployment]\n  merge: field\n  fields:\n    spec.replicas: smallest\n    spec.template: leaf\n'));
  expect(over.of(object)!.fields).toEqual({ 'spec.replicas': 'smallest', 'spec.template': 'leaf' });
  expect(over.of({ ...object, kind: 'StatefulSet' })!.fields!['spec.replicas']).toBe('largest');
  expect(new Set([whole.hash, over.hash, new Policies(defaultPolicy).hash]).size).toBe(3);
});

test.each([
  ['[1', 'neither JSON nor YAML'],
  ['7', 'no object'],
  ['kinds: {}', '"kinds" must be a list'],
  ['kind: []', '"kind" means nothing here'],
  ['extends: mine\nkinds: []', '"extends" can only be'],
  ['kinds: [{kinds: [Pod], merge: half}]', 'row 1 of kinds: "merge" must be field or whole'],
  ['kinds: [{kinds: [Pod], merge: field, fields: {spec: most}}]', 'the rule of spec must be one of'],
  ['kinds: [{kinds: [Pod], merge: field, checks: [nothing]}]', 'there is no check "nothing"'],
  ['kinds: [{kinds: Pod, merge: field}]', 'must be a list of names'],
])('%s is refused', (text, why) => expect(() => parsePolicy(text)).toThrow(why));
