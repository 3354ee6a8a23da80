import { describe, expect, test } from '@jest/globals';
import { MalformedError } from '../bytes.ts';
import type { Stamp } from '../stamp.ts';
import { Dots, OLD } from './dots.ts';
import { createdInfo, decodeInfo, encodeInfo, keptInfo, OWN } from './info.ts';

const TABLES = 0xfedc_ba98;
const own: Stamp = { lamport: 90, log: 1 };
const [a, b]: [Stamp, Stamp] = [{ lamport: 7, log: 3 }, { lamport: 80, log: 2 }];
const paths = [
  'metadata/generation', 'metadata/annotations', 'metadata/annotations/a~1b', 'metadata/labels/x', 'metadata/managedFields/[["kubelet","Update","v1","status"]]', 'metadata/managedFields', 'metadata',
  'spec/template/spec/containers/[["c"]]/image', 'spec/replicas', 'spec', 'status/{rest}', 'status/conditions/[["Ready"]]', 'status/phase', 'status', 'data/\u00fc\u{1f600}', '',
];
const dots = new Dots(a, b, new Map(paths.map((path, i) => [path, [OWN, OLD, a, b][i % 4]!])));

describe('merge information', () => {
  test('says after it was read what it said before', () => {
    const read = decodeInfo(encodeInfo(dots, TABLES), own, TABLES)!;
    expect([read.created, read.usual]).toEqual([a, b]);
    expect([...read.exceptions]).toEqual(paths.map((path, i) => [path, [own, OLD, a, b][i % 4]]));
    expect(createdInfo(encodeInfo(dots, TABLES), own, TABLES)).toEqual(a);
  });

  test('is nothing under other tables', () => {
    const info = encodeInfo(dots, TABLES);
    for (const read of [decodeInfo, createdInfo]) expect(read(info, own, TABLES - 1)).toBeNull();
    expect(keptInfo(info, own, TABLES - 1, () => true)).toBeNull();
  });

  test('of what is stable only the time of creation is kept', () => {
    const info = encodeInfo(dots, TABLES);
    expect(keptInfo(info, own, TABLES, () => true)).toEqual(new Dots(a, OLD, new Map()));
    const some = keptInfo(info, own, TABLES, (stamp) => stamp.lamport < 80)!;
    expect([...some.exceptions]).toEqual(paths.map((path, i) => [path, [own, OLD, OLD, b][i % 4]]).filter(([, dot]) => dot !== b));
  });

  test('takes little room for what nearly every update changes', () => {
    const often = new Dots(OLD, OLD, new Map(['metadata/generation', 'metadata/annotations/seen'].map((path) => [path, OWN])));
    expect(encodeInfo(often, TABLES).length).toBe(19);
  });

  test('broken, it is refused, wherever it was cut off', () => {
    const info = encodeInfo(dots, TABLES);
    for (let to = 0; to < info.length; to++) expect(() => decodeInfo(info.subarray(0, to), own, TABLES)).toThrow(MalformedError);
  });
});
