import { describe, expect, test } from '@jest/globals';
import { elementKey, fields, list, number, string, unitOf } from '../tree.ts';
import { parseTable } from './parse.ts';
import { builtin } from './schema.ts';
import type { ListType, Schema, StructType } from './types.ts';

/** The type at a path of field names; a list's is its elements'. */
function typeAt(apiVersion: string, kind: string, ...path: string[]): Schema {
  let type: Schema = builtin().struct(apiVersion, kind)!;
  for (const name of path) {
    if (type.kind === 'list') type = type.items;
    type = (type as StructType).fields.get(name)!.type;
  }
  return type;
}

describe('the table of kinds', () => {
  test('every kind can be read', () => {
    const kinds = builtin().all();
    expect(kinds.length).toBeGreaterThan(120);
    for (const [apiVersion, kind] of kinds) expect(builtin().struct(apiVersion, kind)?.fields.has('metadata')).toBe(true);
    expect(builtin().struct('v1', 'Unheard')).toBeUndefined();
  });

  test.each<[string, Partial<ListType>]>([
    ['containers', { list: 'map', keys: ['name'] }],
    ['containers/ports', { list: 'map', keys: ['containerPort', 'protocol'] }],
    ['containers/env', { list: 'map', keys: ['name'] }],
    ['containers/volumeMounts', { list: 'map', keys: ['mountPath'] }],
    ['containers/command', { list: 'atomic' }],
    ['tolerations', { list: 'atomic' }],
    ['hostAliases', { list: 'map', keys: ['ip'] }],
    ['topologySpreadConstraints', { list: 'map', keys: ['topologyKey', 'whenUnsatisfiable'] }],
  ])('pod.spec.%s', (path, expected) => {
    expect(typeAt('v1', 'Pod', 'spec', ...path.split('/'))).toMatchObject({ kind: 'list', ...expected });
  });

  test('metadata and conditions', () => {
    expect(typeAt('v1', 'Pod', 'metadata', 'finalizers')).toMatchObject({ kind: 'list', list: 'set' });
    expect(typeAt('v1', 'Pod', 'metadata', 'ownerReferences')).toMatchObject({ kind: 'list', list: 'map', keys: ['uid'] });
    expect(typeAt('apps/v1', 'Deployment', 'status', 'conditions')).toMatchObject({ kind: 'list', list: 'map', keys: ['type'] });
    expect(typeAt('v1', 'Node', 'status', 'addresses')).toMatchObject({ kind: 'list', list: 'map', keys: ['type'] }); // as documented; it is not unique
  });

  test('unions are one unit, and embedded structs are fields of the struct around them', () => {
    const volume = (typeAt('v1', 'Pod', 'spec', 'volumes') as ListType).items as StructType;
    expect(unitOf(volume, 'name')).toEqual(['name']);
    expect(unitOf(volume, 'emptyDir')).toEqual(expect.arrayContaining(['hostPath', 'configMap', 'emptyDir']));
    expect(volume.fields.get('emptyDir')?.inline).toEqual([2]);
    expect(unitOf(typeAt('apps/v1', 'Deployment', 'spec', 'strategy') as StructType, 'type')).toEqual(['type', 'rollingUpdate']);
    const env = (typeAt('v1', 'Pod', 'spec', 'containers', 'env') as ListType).items as StructType;
    expect(unitOf(env, 'value')).toEqual(['value', 'valueFrom']);
  });

  test('what is not as described is refused', () => {
    expect(() => parseTable('kind v1 A x.A\nx.A\n a 1 y.B').struct('v1', 'A')).toThrow(/no struct 'y.B'/);
  });
});

describe('elements of lists', () => {
  const ports = typeAt('v1', 'Pod', 'spec', 'containers', 'ports') as ListType;

  test('are told apart by their keys, from both formats alike', () => {
    const port = (entries: [string, ReturnType<typeof number> | ReturnType<typeof string>][]) => elementKey(ports, fields(entries));
    const key = port([['containerPort', number('80')], ['protocol', string('TCP')]]);
    expect(port([['protocol', string('TCP')], ['containerPort', number('80')], ['name', string('a')]])).toBe(key);
    expect(port([['containerPort', number('81')], ['protocol', string('TCP')]])).not.toBe(key);
    expect(port([['containerPort', number('80')]])).toBe(port([['containerPort', number('80')], ['protocol', string('')]]));
  });

  test('that cannot be told apart have none', () => {
    expect(elementKey(ports, fields([['name', string('x')]]))).toBeUndefined();
    expect(elementKey(ports, string('x'))).toBeUndefined();
    expect(elementKey({ ...ports, list: 'atomic', keys: [] }, fields([]))).toBeUndefined();
    expect(elementKey({ ...ports, list: 'set', keys: [] }, list([]))).toBeUndefined();
    expect(elementKey({ ...ports, list: 'set', keys: [] }, string('x'))).toBe('x');
  });
});
