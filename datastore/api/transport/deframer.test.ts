import { describe, expect, test } from '@jest/globals';
import { gzipSync } from 'node:zlib';
import { Code } from '../../errors.ts';
import { frameOf } from '../hot/writer.ts';
import { Deframer } from './deframer.ts';
import { encodeMessage, parseTimeoutMs, statusOf } from './status.ts';

const messages = [Buffer.from('first'), Buffer.alloc(0), Buffer.alloc(70_000, 3), Buffer.from('x')];
const wire = Buffer.concat(messages.map((message) => frameOf(message)));

describe('Deframer', () => {
  test('in one piece', () => {
    const deframer = new Deframer(1e6, false);
    expect(deframer.push(wire)).toEqual(messages);
    expect(deframer.idle).toBe(true);
  });

  test('torn in two at every byte of the small messages', () => {
    const small = Buffer.concat([messages[0]!, messages[1]!, messages[3]!].map((message) => frameOf(message)));
    for (let at = 0; at <= small.length; at++) {
      const deframer = new Deframer(1e6, false);
      const got = [...deframer.push(small.subarray(0, at)), ...deframer.push(small.subarray(at))];
      expect(got.map(String)).toEqual(['first', '', 'x']);
      expect(deframer.idle).toBe(true);
    }
  });

  test.each([1, 2, 3, 4, 5, 6, 7, 1_000, 16_384])('in pieces of %d', (size) => {
    const deframer = new Deframer(1e6, false);
    const got: Buffer[] = [];
    for (let at = 0; at < wire.length; at += size) got.push(...deframer.push(wire.subarray(at, at + size)));
    expect(got).toEqual(messages);
  });

  test('an incomplete message leaves it busy', () => {
    const deframer = new Deframer(1e6, false);
    expect(deframer.push(wire.subarray(0, 7))).toEqual([]);
    expect(deframer.idle).toBe(false);
  });

  test('too large: refused by its prefix alone, before the message arrives', () => {
    const deframer = new Deframer(100, false);
    expect(() => deframer.push(Buffer.from([0, 0, 0, 0, 101]))).toThrow('grpc: received message larger than max (101 vs. 100)');
  });

  test('gzip', () => {
    const zipped = frameOf(gzipSync(Buffer.from('hello')));
    zipped[0] = 1;
    expect(new Deframer(1e6, true).push(zipped).map(String)).toEqual(['hello']);
    expect(() => new Deframer(1e6, false).push(zipped)).toThrow(/compressed flag set/);
    const bomb = frameOf(gzipSync(Buffer.alloc(1_000_000)));
    bomb[0] = 1;
    expect(() => new Deframer(10_000, true).push(bomb)).toThrow(/larger than max/);
    const broken = frameOf(Buffer.from('no gzip'));
    broken[0] = 1;
    expect(() => new Deframer(1e6, true).push(broken)).toThrow(/failed to decompress/);
  });

  test('an unknown flag', () => {
    expect(() => new Deframer(1e6, false).push(Buffer.from([2, 0, 0, 0, 0]))).toThrow(/unexpected payload format 2/);
  });
});

describe('status', () => {
  test('messages are percent-encoded', () => {
    expect(encodeMessage('plain text: ok')).toBe('plain text: ok');
    expect(encodeMessage('100 %\nnö')).toBe('100 %25%0An%C3%B6');
  });
  test('timeouts', () => {
    expect([parseTimeoutMs('5S'), parseTimeoutMs('20m'), parseTimeoutMs('1500u'), parseTimeoutMs('2M'), parseTimeoutMs('1H')]).toEqual([5_000, 20, 1.5, 120_000, 3_600_000]);
    expect([parseTimeoutMs(''), parseTimeoutMs('5'), parseTimeoutMs('-1S'), parseTimeoutMs('123456789S')]).toEqual([null, null, null, null]);
  });
  test('a programmer’s error is UNKNOWN', () => {
    expect(statusOf(new TypeError('oops'))).toEqual({ code: Code.UNKNOWN, message: 'oops' });
  });
});
