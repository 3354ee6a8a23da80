import { describe, expect, test } from '@jest/globals';
import { TestRandom } from '../fake/random.ts';
import { ConnectionError } from './constants.ts';
import { FrameReader } from './frames.ts';
import { HpackDecoder, encodeHeaders } from './hpack.ts';

const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex');
const request = { ':method': 'GET', ':scheme': 'http', ':path': '/', ':authority': 'www.example.com' };

describe('HPACK', () => {
  // RFC 7541, C.3 and C.4: three requests on one connection, without and with Huffman.
  test.each([
    ['8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d', '8286 84be 5808 6e6f 2d63 6163 6865', '8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65'],
    ['8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff', '8286 84be 5886 a8eb 1064 9cbf', '8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf'],
  ])('the RFC’s examples', (first, second, third) => {
    const decoder = new HpackDecoder(10_000);
    expect({ ...decoder.decode(hex(first)).headers }).toEqual(request);
    expect({ ...decoder.decode(hex(second)).headers }).toEqual({ ...request, 'cache-control': 'no-cache' });
    expect({ ...decoder.decode(hex(third)).headers }).toEqual({ ':method': 'GET', ':scheme': 'https', ':path': '/index.html', ':authority': 'www.example.com', 'custom-key': 'custom-value' });
  });

  test('a block is remembered while the table does not change, and forgotten when it does', () => {
    const decoder = new HpackDecoder(10_000);
    decoder.decode(hex('400161 0131')); // a: 1, indexed as 62
    const known = hex('be');
    expect({ ...decoder.decode(known).headers }).toEqual({ a: '1' });
    expect(decoder.decode(known)).toBe(decoder.decode(Buffer.from(known)));
    decoder.decode(hex('400162 0132')); // b: 2 is 62 now
    expect({ ...decoder.decode(known).headers }).toEqual({ b: '2' });
    decoder.decode(hex('20')); // table size 0: everything is gone
    expect(() => decoder.decode(known)).toThrow(ConnectionError);
  });

  test('eviction', () => {
    const decoder = new HpackDecoder(100_000);
    const field = (i: number) => Buffer.concat([hex('40'), Buffer.from([3]), Buffer.from(`k${i + 10}`), Buffer.from([100]), Buffer.alloc(100, 'v')]);
    for (let i = 0; i < 60; i++) decoder.decode(field(i));
    // 4096 bytes hold 30 entries of 135.
    expect(Object.keys(decoder.decode(Buffer.from([0x80 | 62])).headers)).toEqual(['k69']);
    expect(Object.keys(decoder.decode(Buffer.from([0x80 | 91])).headers)).toEqual(['k40']);
    expect(() => decoder.decode(Buffer.from([0x80 | 92]))).toThrow(/no header field 92/);
  });

  test('what is encoded is decoded', () => {
    const headers = [[':status', '404'], ['content-type', 'application/grpc'], ['grpc-message', 'x'.repeat(5_000)]] as const;
    expect({ ...new HpackDecoder(100_000).decode(encodeHeaders(headers)).headers }).toEqual(Object.fromEntries(headers));
    expect(encodeHeaders([[':status', '200']])).toEqual(hex('88'));
  });

  test('names that come twice are joined; a list has a limit', () => {
    expect({ ...new HpackDecoder(1_000).decode(encodeHeaders([['a', '1'], ['a', '2'], ['cookie', 'x'], ['cookie', 'y']])).headers }).toEqual({ a: '1, 2', cookie: 'x; y' });
    expect(() => new HpackDecoder(1_000).decode(encodeHeaders([['a', 'x'.repeat(1_000)]]))).toThrow(/header list too large/);
  });

  test.each([
    ['index 0', '80'],
    ['beyond the tables', 'ff00'],
    ['an integer without end', 'ffffffffffffffff'],
    ['a string beyond the block', '400561'],
    ['a name without value', '400161'],
    ['a table that was not agreed on', '3fff ff03'],
    ['EOS in a Huffman string', '4084 ffff ffff 0161'],
    ['padding of zeros', '4081 00 0161'],
    ['padding of a byte', '4082 1fff 0161'],
  ])('malformed: %s', (_what, bytes) => {
    expect(() => new HpackDecoder(1_000).decode(hex(bytes))).toThrow(ConnectionError);
  });

  test('random bytes never do worse than a connection error (seed 7)', () => {
    const r = new TestRandom(7);
    for (let i = 0; i < 2_000; i++) {
      try {
        new HpackDecoder(1_000).decode(r.bytes(40));
      } catch (error) {
        expect(error).toBeInstanceOf(ConnectionError);
      }
    }
  });
});

describe('FrameReader', () => {
  const frames = [
    [6, 0, 0, Buffer.from('12345678')],
    [0, 1, 5, Buffer.alloc(300, 7)],
    [4, 1, 0, Buffer.alloc(0)],
    [9, 4, 0x7fffffff, Buffer.from('x')],
  ] as const;
  const wire = Buffer.concat(
    frames.map(([type, flags, stream, payload]) => {
      const header = Buffer.alloc(9);
      header.writeUIntBE(payload.length, 0, 3);
      header[3] = type;
      header[4] = flags;
      header.writeUInt32BE(stream, 5);
      return Buffer.concat([header, payload]);
    }),
  );
  const read = (chunks: Buffer[]) => {
    const got: unknown[] = [];
    const reader = new FrameReader((...frame) => got.push(frame.map((part) => (Buffer.isBuffer(part) ? Buffer.from(part) : part))));
    for (const chunk of chunks) reader.push(chunk);
    return got;
  };

  test('torn in two at every byte', () => {
    for (let at = 0; at <= wire.length; at++) expect(read([wire.subarray(0, at), wire.subarray(at)])).toEqual(frames);
  });
  test.each([1, 2, 8, 9, 10, 17])('in pieces of %d', (size) => {
    const chunks: Buffer[] = [];
    for (let at = 0; at < wire.length; at += size) chunks.push(wire.subarray(at, at + size));
    expect(read(chunks)).toEqual(frames);
  });
  test('too large', () => {
    expect(() => read([Buffer.from([0, 0x40, 1, 0, 0, 0, 0, 0, 1])])).toThrow(/frame too large/);
  });
});
