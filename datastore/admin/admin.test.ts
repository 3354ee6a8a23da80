import { describe, expect, test } from '@jest/globals';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import { StatusRequest, StatusResponse } from '../api/generated/etcdserverpb/rpc.ts';
import { fetchStatus, parseEndpoint } from './client.ts';
import { parseExposition } from './exposition.ts';
import { status } from './status.ts';
import { bytesText, textTable } from './table.ts';

test.each([
  ['127.0.0.1:2379', false, { address: '127.0.0.1:2379', tls: false }],
  ['127.0.0.1:2379', true, { address: '127.0.0.1:2379', tls: true }],
  ['http://a:1/', true, { address: 'a:1', tls: false }],
  ['https://[::1]:1', false, { address: '[::1]:1', tls: true }],
])('endpoint %s', (text, tls, expected) => expect(parseEndpoint(text, tls)).toEqual(expected));

test.each(['a', 'ftp://a:1', 'a:1/x', ''])('"%s" is no endpoint', (text) => expect(() => parseEndpoint(text, false)).toThrow('is no endpoint'));

test('exposition', () => {
  expect(parseExposition('# TYPE a gauge\na{b="c",d="e f"} 1.5\nq 2\nrubbish\n')).toEqual([
    { name: 'a', labels: { b: 'c', d: 'e f' }, value: 1.5 },
    { name: 'q', labels: {}, value: 2 },
  ]);
});

test('tables', () => {
  expect(textTable(['NAME', 'N'], [['a', '10'], ['bcdef', '2']])).toBe('NAME    N\na      10\nbcdef   2');
  expect([500, 2048, 3 * 2 ** 20].map(bytesText)).toEqual(['500 B', '2.0 KiB', '3.0 MiB']);
});

describe('status', () => {
  const run = async (args: readonly string[]) => {
    const printed: string[] = [];
    const code = await status(args, {}, (text) => printed.push(text));
    return { code, text: printed.join('\n') };
  };

  test('a replica that cannot be reached', async () => {
    // A port that was free a moment ago.
    const probe = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => probe.once('listening', resolve));
    const { port } = probe.address() as AddressInfo;
    await new Promise((resolve) => probe.close(resolve));
    const { code, text } = await run(['--endpoints', `127.0.0.1:${port}`, '-o', 'json', '--timeout', '2']);
    expect(code).toBe(1);
    expect(JSON.parse(text)).toMatchObject([{ endpoint: `127.0.0.1:${port}`, error: expect.any(String) }]);
    expect((await run(['--endpoints', `127.0.0.1:${port}`])).text).toContain('unreachable');
  });

  test('a bad command line', async () => {
    await expect(run(['-o', 'xml'])).rejects.toThrow('-o must be table or json');
    await expect(run(['--timeout', 'soon'])).rejects.toThrow('--timeout must be a number');
    await expect(run(['--nonsense'])).rejects.toThrow('nonsense');
  });

  test('Maintenance.Status over gRPC', async () => {
    const server = new Server();
    server.addService({
      Status: {
        path: '/etcdserverpb.Maintenance/Status', requestStream: false, responseStream: false,
        requestSerialize: (m: StatusRequest) => Buffer.from(StatusRequest.encode(m).finish()), requestDeserialize: (b: Buffer) => StatusRequest.decode(b),
        responseSerialize: (m: StatusResponse) => Buffer.from(StatusResponse.encode(m).finish()), responseDeserialize: (b: Buffer) => StatusResponse.decode(b),
      },
    }, { Status: (_call: unknown, callback: (error: null, response: StatusResponse) => void) => callback(null, StatusResponse.create({ version: '3.7.3', dbSize: 5n })) });
    const port = await new Promise<number>((resolve, reject) =>
      server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) => (error === null ? resolve(bound) : reject(error))));
    try {
      const answer = await fetchStatus({ address: `127.0.0.1:${port}`, tls: false }, { caFile: '', certFile: '', keyFile: '' }, 5_000);
      expect(answer).toMatchObject({ version: '3.7.3', dbSize: 5n });
    } finally {
      server.forceShutdown();
    }
  });
});
