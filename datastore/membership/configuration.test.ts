import { describe, expect, test } from '@jest/globals';
import { logId } from '../replica/types.ts';
import { decodeConfiguration, decodeJoin, decodeJoined, encodeConfiguration, encodeJoin, encodeJoined } from './codec.ts';
import { adding, bind, evicting, firstConfiguration, isRemoved, joining, joinViews, removing, settle, updating, voters, withoutRetired } from './configuration.ts';
import type { Configuration } from './configuration.ts';

const [A, B, C] = [logId(0, 10), logId(1, 11), logId(2, 12)];
const unbound = firstConfiguration(['a', 'b', 'c'].map((name, slot) => ({ id: BigInt(slot + 1), name, slot, peerURLs: [`http://${name}:2380`] })));
const first = [A, B, C].reduce<Configuration>((from, log, slot) => bind(from, slot, log) ?? from, unbound);
const joiner = { id: 9n, name: 'd', slot: null, incarnation: 77, peerURLs: ['http://d:2380'], earlier: [] };

describe('configuration', () => {
  test('the first log met at a slot is bound to it, another is not', () => {
    expect(bind(first, 1, logId(1, 99))).toBeNull();
    expect(bind(unbound, 7, logId(7, 1))).toBeNull();
    expect(first.members.map((m) => m.log)).toEqual([A, B, C]);
  });

  test('it is settled once all logs are known', () => {
    expect(settle(unbound)).toBeNull();
    const settled = settle(first)!;
    expect(settled.number).toBe(1);
    expect(settle(settled)).toBeNull();
    // From then on nothing is bound by meeting it.
    expect(bind({ ...settled, members: settled.members.map((m) => ({ ...m, log: null })) }, 0, A)).toBeNull();
  });

  test('views of the beginning are joined; of two disks at one slot one counts as removed', () => {
    const [mine, theirs] = [bind(unbound, 0, A)!, bind(bind(unbound, 0, logId(0, 5))!, 1, B)!];
    const joined = joinViews(mine, theirs);
    expect(joined.members.map((m) => m.log)).toEqual([A, B, null]);
    expect(isRemoved(joined, logId(0, 5))).toBe(true);
    expect(joinViews(mine, settle(first)!).number).toBe(1);
  });

  test('adding, as etcd does it', () => {
    const added = adding({ id: 9n, name: '', slot: null, peerURLs: ['http://d:2380'] })(first)!;
    expect(added.members[3]).toMatchObject({ slot: 3, log: null, standing: 'added' });
    expect(voters(added)).toHaveLength(3);
    expect(() => adding({ id: 9n, name: '', slot: null, peerURLs: ['http://a:2380'] })(first)).toThrow('Peer URLs already exists');
    expect(() => adding({ id: 1n, name: '', slot: null, peerURLs: ['http://x:2380'] })(first)).toThrow('member ID already exist');
    // Whoever comes with these URLs takes the place, name and all.
    const joined = joining(joiner)(added)!;
    expect(joined.members[3]).toMatchObject({ id: 9n, name: 'd', slot: 3, log: logId(3, 77), standing: 'voting' });
  });

  test('a disk in place of another: the old log is removed', () => {
    const replaced = joining({ ...joiner, id: 2n, name: 'b', slot: 1, peerURLs: ['http://b:2380'] })(first)!;
    expect(replaced.members[1]).toMatchObject({ id: 2n, log: logId(1, 77) });
    expect(replaced.removed).toEqual([{ log: B, number: 1 }]);
    expect(joining({ ...joiner, id: 2n, name: 'b', slot: 1, peerURLs: ['http://b:2380'] })(replaced)).toBeNull();
    // And it does not come back under its old name.
    expect(() => joining({ ...joiner, id: 2n, name: 'b', slot: 1, incarnation: 11, peerURLs: ['http://b:2380'] })(replaced)).toThrow('was removed');
  });

  test('a slot that is another\'s is refused', () => {
    expect(() => joining({ ...joiner, slot: 1 })(first)).toThrow('slot 1 belongs to b');
    expect(() => joining({ ...joiner, name: 'b', slot: 2 })(first)).toThrow('b has slot 1 in this cluster, not 2');
  });

  test('a slot of a log that is not retired is not given away', () => {
    const left = removing(3n)(first)!;
    expect(joining(joiner)(left)!.members.map((m) => m.slot)).toEqual([0, 1, 3]);
    const retired = withoutRetired(left, () => true);
    expect(joining(joiner)(retired)!.members.map((m) => m.slot)).toEqual([0, 1, 2]);
  });

  test('removing, evicting, updating', () => {
    expect(() => removing(42n)(first)).toThrow('member not found');
    expect(removing(3n)(first)!.removed).toEqual([{ log: C, number: 1 }]);
    const evicted = evicting(3n)(first)!;
    expect(evicted.members[2]).toMatchObject({ name: 'c', log: null, standing: 'evicted' });
    expect(evicted.removed).toEqual([{ log: C, number: 1 }]);
    expect(evicting(3n)(evicted)).toBeNull();
    expect(joining({ ...joiner, id: 3n, name: 'c', slot: 2, peerURLs: ['http://c:2380'] })(evicted)!.members[2]).toMatchObject({ standing: 'voting', log: logId(2, 77) });
    expect(updating(1n, ['http://x:2380'])(first)!.members[0]!.peerURLs).toEqual(['http://x:2380']);
    expect(updating(1n, ['http://a:2380'])(first)).toBeNull();
    const single = removing(3n)(removing(2n)(first)!)!;
    expect(() => removing(1n)(single)).toThrow('not enough started members');
  });
});

describe('as bytes', () => {
  const configuration = evicting(3n)(adding({ id: 0xfedc_ba98_7654_3210n, name: '', slot: 9, peerURLs: ['http://d:1', 'http://e:2'] })(first)!)!;

  test('a configuration is what it was', () => {
    expect(decodeConfiguration(encodeConfiguration(configuration))).toEqual(configuration);
    expect(Buffer.from(encodeConfiguration(unbound)).toString('hex')).toBe(
      '010003' + '0100000000000000' + '0161' + '00' + '00' + '00' + '01' + '0d687474703a2f2f613a32333830'
      + '0200000000000000' + '0162' + '01' + '00' + '00' + '01' + '0d687474703a2f2f623a32333830'
      + '0300000000000000' + '0163' + '02' + '00' + '00' + '01' + '0d687474703a2f2f633a32333830' + '00');
  });

  test('so are the question and the answer of a join', () => {
    const request = { ...joiner, slot: 4, token: 't', clusterId: '', earlier: [A, C] };
    expect(decodeJoin(encodeJoin(request))).toEqual(request);
    const answer = { result: 'joined' as const, reason: 'ä', clusterId: 'abc', id: 3n, slot: 200, configuration };
    expect(decodeJoined(encodeJoined(answer))).toEqual(answer);
  });

  test('whatever is cut off is refused', () => {
    const bytes = encodeConfiguration(configuration);
    for (let n = 0; n < bytes.length; n++) expect(() => decodeConfiguration(bytes.subarray(0, n))).toThrow();
    expect(() => decodeConfiguration(Uint8Array.of(9, ...bytes.subarray(1)))).toThrow('version 9');
  });
});
