import { expect, test } from '@jest/globals';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { conflicts } from './conflicts.ts';

const listed = (key: string, more: object = {}) => ({
  time: '2026-01-02T03:04:05.000Z', key, space: 'client', kind: 'opaque', rule: 'last-writer', winner: { lamport: 9, log: '1.0000000a' }, loser: { lamport: 8, log: '0.0000000b' }, size: 3, value: 'YWJj', ...more,
});

test('edgestore conflicts lists what each replica has found', async () => {
  const server = createServer((request, response) => {
    response.end(request.url === '/admin/conflicts' ? JSON.stringify({ dropped: 4, conflicts: [listed('/a/1'), listed('b', { size: null, value: null, time: null, winner: null })] }) : '');
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  const endpoint = `127.0.0.1:${port}`;
  const run = async (...args: string[]) => {
    const printed: string[] = [];
    const code = await conflicts(['--endpoints', endpoint, ...args], {}, (text) => printed.push(text));
    return { code, text: printed.join('\n') };
  };
  try {
    const table = await run();
    expect(table.code).toBe(0);
    expect(table.text).toMatch(/\/a\/1 +opaque +last-writer +9@1\.0000000a +8@0\.0000000b +3 B/);
    expect(table.text).toMatch(/before the restart +b +opaque +last-writer +- +8@0\.0000000b +deletion/);
    expect(table.text).toContain('4 older ones are not kept any more');
    const json = await run('-o', 'json', '--prefix', '/a/');
    expect(JSON.parse(json.text)).toEqual([{ endpoint, dropped: 4, conflicts: [listed('/a/1')] }]);
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
  expect(await run('--timeout', '2')).toMatchObject({ code: 1, text: expect.stringContaining('unreachable') });
  await expect(run('-o', 'xml')).rejects.toThrow('-o must be');
});
