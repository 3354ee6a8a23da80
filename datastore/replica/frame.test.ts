import { describe, expect, test } from '@jest/globals';
import * as decoding from 'lib0/decoding';
import * as syncProtocol from 'y-protocols/sync';
import * as encoding from 'lib0/encoding';
import * as Y from 'yjs';
import { MalformedError } from '../bytes.ts';
import { decodeFrame, encodeFrame, FrameKind } from './frame.ts';
import type { Frame } from './frame.ts';
import { logId } from './types.ts';

const [a, b] = [logId(1, 0x1111_1111), logId(2, 0x2222_2222)];
const frame = (kind: FrameKind, update: Uint8Array = new Uint8Array([9, 8, 7])): Frame => ({
  kind,
  sender: a,
  dependencies: new Map([[a, { clock: 5, lamport: 6 }], [b, { clock: 300, lamport: 2 ** 40 }]]),
  updates: [{ log: a, fromClock: 3, toClock: 5, lamport: 6, update }],
  newest: 300,
  retired: new Map([[logId(9, 1), { clock: 77, lamport: 78, at: 299 }]]),
  digests: new Map([[b, 400]]),
  reports: [{ log: b, number: 305, config: 2, newest: 299, held: new Map([[b, { clock: 300, lamport: 2 ** 40 }]]) }],
});

describe('frames', () => {
  test('recorded bytes of version 1', () => {
    expect(Buffer.from(encodeFrame(frame(FrameKind.push))).toString('hex')).toBe('0100011111111102011111111105060222222222ac02808080808020010111111111030506050203090807ac020109010000004d4eab020102222222229003010222222222b10202ab02010222222222ac0280808080802061344f23');
  });

  test('what was written is read', () => {
    for (const kind of Object.values(FrameKind)) expect(decodeFrame(encodeFrame(frame(kind)))).toEqual(frame(kind));
  });

  test('an update travels as a sync message of y-protocols', () => {
    const doc = new Y.Doc();
    doc.getMap('s').set('x', 1);
    const update = Y.encodeStateAsUpdate(doc);
    for (const kind of [FrameKind.push, FrameKind.antiEntropy]) {
      const bytes = encodeFrame(frame(kind, update));
      const encoder = encoding.createEncoder();
      if (kind === FrameKind.push) syncProtocol.writeUpdate(encoder, update);
      else syncProtocol.writeSyncStep2(encoder, doc);
      const message = encoding.toUint8Array(encoder);
      expect(Buffer.from(bytes).includes(Buffer.from(message))).toBe(true);
      const peer = new Y.Doc();
      syncProtocol.readSyncMessage(decoding.createDecoder(message), encoding.createEncoder(), peer, null);
      expect(peer.getMap('s').get('x')).toBe(1);
    }
  });

  test('a flipped bit, a missing end, another version are malformed', async () => {
    const { crc32 } = await import('node:zlib');
    const good = encodeFrame(frame(FrameKind.push));
    for (let length = 0; length < good.length; length++) expect(() => decodeFrame(good.slice(0, length))).toThrow(MalformedError);
    for (let bit = 0; bit < good.length * 8; bit++) {
      const bad = new Uint8Array(good);
      bad[bit >> 3]! ^= 1 << (bit & 7);
      expect(() => decodeFrame(bad)).toThrow(MalformedError);
      // With the CRC made right the rest of the decoder has to hold.
      new DataView(bad.buffer).setUint32(bad.length - 4, crc32(bad.subarray(0, -4)), true);
      try {
        decodeFrame(bad);
      } catch (error) {
        expect(error).toBeInstanceOf(MalformedError);
      }
    }
  });
});
