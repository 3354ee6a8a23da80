import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { crc32 } from 'node:zlib';
import { limits } from '../limits.ts';
import { logId } from '../replica/types.ts';
import { SimRandom } from '../testing/sim-random.ts';
import type { Hello } from './hello.ts';
import { decodeMessage, encodeMessage, MalformedMessage } from './wire.ts';
import type { Message } from './wire.ts';

const hello: Hello = {
  versionMin: 1,
  versionMax: 1,
  clusterId: 'edge-1',
  memberId: 0x0123456789abcdefn,
  name: 'store-0',
  slot: 3,
  log: logId(3, 0xcafe),
  run: '00ff',
  startedWallMs: 1_700_000_000_000,
  configNumber: 7,
  state: 'ready',
  proof: Uint8Array.of(9, 8),
};
const bytes = (...b: number[]) => Uint8Array.from(b);

/** Each message with the bytes it has had since wire version 1: a change here breaks running clusters. */
const recorded: readonly (readonly [Message, string])[] = [
  [{ type: 'hello', hello }, '0145645374010106656467652d310123456789abcdef0773746f72652d3003fe95838030043030666680d095ffbc3107020209081bb9841e'],
  [{ type: 'frames', ackWanted: true, frames: [bytes(1, 2), bytes(3)] }, '02010202010201033bf2528d'],
  [{ type: 'vector', request: 300, full: false, vector: bytes(1), digest: bytes(2, 3) }, '03ac0200010102020302629e98'],
  [{ type: 'chunk', request: 300, last: true, mismatch: false, piece: bytes(5) }, '04ac0201010550f63e5d'],
  [{ type: 'report', report: bytes(4, 4) }, '050204045dfa1f76'],
  [{ type: 'ping', nonce: 1_000_000, wallMs: 1_700_000_000_000 }, '06c0843d80d095ffbc31bffb7bf2'],
  [{ type: 'pong', nonce: 1_000_000, wallMs: 1_700_000_000_000 }, '07c0843d80d095ffbc318190b91d'],
  [{ type: 'nudge' }, '08bf67d9dc'],
  [{ type: 'status', state: 'existing' }, '090120991ce7'],
  [{ type: 'part', last: true, bytes: bytes(7, 7) }, '0a01020707d35f8fe6'],
];

describe('wire', () => {
  test.each(recorded)('message %# is encoded as it always was', (message, hex) => {
    expect(Buffer.from(encodeMessage(message)).toString('hex')).toBe(hex);
    expect(decodeMessage(Buffer.from(hex, 'hex'))).toEqual(message);
  });

  test('a hello of a later version, with fields that this one does not know, is read', () => {
    const later = encodeMessage({ type: 'hello', hello: { ...hello, versionMin: 4, versionMax: 9 } });
    const longer = resealed(Buffer.concat([later.subarray(0, -4), bytes(1, 2, 3)]));
    expect(decodeMessage(longer)).toEqual({ type: 'hello', hello: { ...hello, versionMin: 4, versionMax: 9 } });
  });

  test('trailing bytes after any other message are refused', () => {
    for (const [message] of recorded) {
      if (message.type === 'hello') continue;
      expect(() => decodeMessage(resealed(Buffer.concat([encodeMessage(message).subarray(0, -4), bytes(0)])))).toThrow(MalformedMessage);
    }
  });

  test('every flipped bit is noticed', () => {
    for (const [message] of recorded) {
      const good = encodeMessage(message);
      for (let bit = 0; bit < good.length * 8; bit++) {
        const bad = good.slice();
        bad[bit >> 3]! ^= 1 << (bit & 7);
        expect(() => decodeMessage(bad)).toThrow(MalformedMessage);
      }
    }
  });

  test('every truncation is noticed', () => {
    for (const [message] of recorded) {
      const good = encodeMessage(message);
      for (let n = 0; n < good.length; n++) {
        expect(() => decodeMessage(good.subarray(0, n))).toThrow(MalformedMessage);
        if (n > 0) noCrash(resealed(good.subarray(0, n)));
      }
    }
  });

  test('whatever bytes come, sealed with a right checksum: a message or MalformedMessage, and no memory to speak of', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 200 }), fc.integer({ min: 0, max: 10 }), (body, type) => {
        body[0] = type;
        noCrash(resealed(body));
      }),
      { numRuns: 3_000, seed: 1 },
    );
  });

  test('damaged messages with a right checksum', () => {
    const random = new SimRandom(5);
    for (const [message] of recorded) {
      for (let i = 0; i < 2_000; i++) {
        const body = encodeMessage(message).slice(0, -4);
        for (let n = 1 + random.below(3); n > 0; n--) body[1 + random.below(Math.max(1, body.length - 1))] = random.below(256);
        noCrash(resealed(body));
      }
    }
  });

  test('lengths and counts that cannot be true are refused before anything is allocated', () => {
    const huge = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x07];
    expect(() => decodeMessage(resealed(bytes(2, 0, ...huge)))).toThrow(MalformedMessage);
    expect(() => decodeMessage(resealed(bytes(5, ...huge, 1)))).toThrow(MalformedMessage);
    expect(() => decodeMessage(new Uint8Array(limits.frame_bytes + 1_000))).toThrow(MalformedMessage);
  });

  test('decoding copies no frame', () => {
    const message = encodeMessage({ type: 'frames', ackWanted: false, frames: [new Uint8Array(1_000)] });
    const decoded = decodeMessage(message);
    expect(decoded.type === 'frames' && decoded.frames[0]!.buffer).toBe(message.buffer);
  });
});

/** With the right checksum, whatever it holds. */
function resealed(body: Uint8Array): Uint8Array {
  const sealed = new Uint8Array(body.length + 4);
  sealed.set(body);
  new DataView(sealed.buffer).setUint32(body.length, crc32(body), true);
  return sealed;
}

function noCrash(message: Uint8Array): void {
  try {
    decodeMessage(message);
  } catch (error) {
    if (!(error instanceof MalformedMessage)) throw error;
  }
}
