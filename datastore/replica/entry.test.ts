import { describe, expect, test } from '@jest/globals';
import { MalformedError } from '../bytes.ts';
import { decodeEntry, encodeEntry } from './entry.ts';
import type { Entry } from './entry.ts';
import { logId } from './types.ts';

const log = logId(3, 0xabcd_ef01);
const bytes = (...values: number[]) => new Uint8Array(values);
const recorded: [Entry, string][] = [
  [{ kind: 'identity', log, striding: true }, '01010301efcdab01'],
  [{ kind: 'commit', updates: [{ log, fromClock: 2, toClock: 300, lamport: 2 ** 33, update: bytes(1, 2) }], revisions: [0, 7, 2 ** 50] }, '0102010301efcdab02ac0280808080200201020300078080808080808002'],
  [{ kind: 'local', revision: 9, writes: [{ space: 0, key: 'k', value: bytes(5), lease: 0n }, { space: 1, key: '', value: null, lease: 3n }] }, '0103090200016b0000000000000000010503000300000000000000'],
  [{ kind: 'compact', revision: 1234 }, '0104d209'],
  [{ kind: 'advance', revision: 2 ** 40, begin: true }, '010580808080802001'],
  [{ kind: 'stride' }, '0106'],
  [{ kind: 'note', name: 'lease', body: bytes(1, 2, 3) }, '0107056c6561736503010203'],
];

describe('journal entries', () => {
  test.each(recorded)('%p', (entry, hex) => {
    const encoded = encodeEntry(entry);
    expect(Buffer.from(encoded).toString('hex')).toBe(hex);
    expect(decodeEntry(encoded)).toEqual(entry);
    for (let length = 0; length < encoded.length; length++) expect(() => decodeEntry(encoded.slice(0, length))).toThrow(MalformedError);
    for (let bit = 0; bit < encoded.length * 8; bit++) {
      const bad = new Uint8Array(encoded);
      bad[bit >> 3]! ^= 1 << (bit & 7);
      try {
        decodeEntry(bad);
      } catch (error) {
        expect(error).toBeInstanceOf(MalformedError);
      }
    }
  });

  test('a later version is refused', () => {
    expect(() => decodeEntry(bytes(2, 1))).toThrow('version 2');
    expect(() => decodeEntry(bytes(1, 99))).toThrow('kind 99');
  });
});
