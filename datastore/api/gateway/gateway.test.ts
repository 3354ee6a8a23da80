import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import http from 'node:http';
import { errUnavailable } from '../../errors.ts';
import { Harness, until } from '../fake/harness.ts';
import { JsonSplitter } from './json.ts';

let h: Harness;
beforeEach(async () => {
  h = await Harness.start({ requestBytesMax: 100_000 });
});
afterEach(() => h.close());

const b64 = (text: string) => Buffer.from(text).toString('base64');
async function post(path: string, body: unknown, method = 'POST'): Promise<{ status: number; json: unknown }> {
  const response = await fetch(`http://127.0.0.1:${h.port}${path}`, { method, ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }) });
  return { status: response.status, json: JSON.parse(await response.text()) };
}

describe('unary', () => {
  test('bytes are base64, 64-bit integers strings, zero values left out', async () => {
    expect(await post('/v3/kv/put', { key: b64('foo'), value: b64('bar') })).toEqual({
      status: 200,
      json: { header: { cluster_id: '14841639068965178418', member_id: '7', revision: '2', raft_term: '2' } },
    });
    expect((await post('/v3/kv/range', { key: b64('foo') })).json).toMatchObject({
      kvs: [{ key: b64('foo'), value: b64('bar'), create_revision: '2', mod_revision: '2', version: '1' }],
      count: '1',
    });
    // The old prefix, camel case, enums as numbers, integers as numbers.
    expect((await post('/v3beta/kv/range', { key: b64('a'), rangeEnd: b64('z'), sort_target: 3, sortOrder: 'DESCEND', limit: 5 })).status).toBe(200);
  });

  test('a transaction', async () => {
    const { json } = await post('/v3/kv/txn', {
      compare: [{ key: b64('foo'), target: 'VERSION', version: '0' }],
      success: [{ request_put: { key: b64('foo'), value: b64('x') } }],
      failure: [{ request_range: { key: b64('foo') } }],
    });
    expect(json).toMatchObject({ succeeded: true, responses: [{ response_put: { header: { revision: '2' } } }] });
  });

  test.each([
    ['/v3/kv/put', { key: b64('a'), lease: '9' }, 404, 5, 'etcdserver: requested lease not found'],
    ['/v3/kv/put', { key: b64('a'), bogus: 1 }, 400, 3, 'bogus'],
    ['/v3/kv/put', { key: 12 }, 400, 3, 'key'],
    ['/v3/kv/put', '{"key":', 400, 3, 'unexpected EOF'],
    ['/v3/kv/put', '}', 400, 3, 'malformed JSON'],
    ['/v3/auth/authenticate', {}, 400, 9, 'etcdserver: authentication is not enabled'],
    ['/v3/auth/user/add', { name: 'x' }, 501, 12, 'UserAdd is not supported'],
    ['/v3/kv/nope', {}, 404, 5, 'Not Found'],
    ['/v3/maintenance/downgrade', { action: 'VALIDATE', version: 'x' }, 400, 3, 'wrong downgrade target version format'],
    ['/v3/maintenance/transfer-leadership', { targetID: '99' }, 400, 9, 'bad leader transferee'],
  ])('%s %j → %d', async (path, body, status, code, text) => {
    const answer = await post(path, body);
    expect(answer).toMatchObject({ status, json: { code, message: expect.stringContaining(text) } });
  });

  test.each([
    [110_000, 400, 3, 'etcdserver: request is too large'],
    [650_000, 429, 8, 'grpc: received message larger than max'],
    [900_000, 429, 8, 'grpc: received message larger than max'],
    [1_500_000, 429, 8, 'request is too large'],
  ])('a value of %d bytes → %d', async (bytes, status, code, text) => {
    expect(await post('/v3/kv/put', { key: b64('a'), value: b64('x'.repeat(bytes)) })).toMatchObject({ status, json: { code, message: expect.stringContaining(text) } });
  });

  test('only POST', async () => {
    expect(await post('/v3/kv/range', undefined, 'GET')).toEqual({ status: 501, json: { code: 12, message: 'Method Not Allowed' } });
  });

  test('an empty body is an empty request', async () => {
    expect((await post('/v3/maintenance/status', '')).json).toMatchObject({ version: '3.7.3', dbSize: '4096', leader: '7', downgradeInfo: {} });
  });

  test('a replica that does not serve', async () => {
    h.replica.serve(errUnavailable('draining'));
    expect(await post('/v3/kv/range', { key: b64('a') })).toEqual({ status: 503, json: { code: 14, message: 'etcdserver: draining' } });
  });

  test('switched off', async () => {
    await h.close();
    h = await Harness.start({ gateway: false });
    const response = await fetch(`http://127.0.0.1:${h.port}/v3/kv/range`, { method: 'POST', body: '{}' });
    expect(response.status).toBe(404);
  });
});

describe('streams', () => {
  function stream(path: string, body: string, finish: boolean) {
    const got: unknown[] = [];
    let rest = '';
    let ended = false;
    const request = http.request({ port: h.port, host: '127.0.0.1', path, method: 'POST', agent: false }, (response) => {
      response.on('data', (chunk: Buffer) => {
        const lines = (rest + String(chunk)).split('\n');
        rest = lines.pop()!;
        for (const line of lines) got.push(JSON.parse(line));
      });
      response.on('end', () => (ended = true));
      response.on('error', () => {});
    });
    request.on('error', () => {});
    request.write(body);
    if (finish) request.end();
    return { got, request, ended: () => ended };
  }

  test('watch: results line by line, more requests on the way, over when the client leaves', async () => {
    const { got, request } = stream('/v3/watch', JSON.stringify({ create_request: { key: b64('foo') } }), false);
    await until(() => got.length === 1);
    await post('/v3/kv/put', { key: b64('foo'), value: b64('bar') });
    await until(() => got.length === 2);
    expect(got).toMatchObject([{ result: { created: true } }, { result: { events: [{ kv: { key: b64('foo'), mod_revision: '2' } }] } }]);
    request.write('{"create_request":{"key":"Zm9v","watch_id":"5"}}{"cancel_request":');
    await until(() => got.length === 3);
    request.write('{"watch_id":"5"}}');
    await until(() => got.length === 4);
    expect(got[3]).toMatchObject({ result: { canceled: true, watch_id: '5' } });
    request.destroy();
    await until(() => h.replica.streams.size === 0);
  });

  test('an error in the middle of a stream is a line', async () => {
    const { got, ended, request } = stream('/v3/watch', JSON.stringify({ create_request: { key: b64('foo') } }), false);
    await until(() => got.length === 1);
    request.write('{"bogus":1}');
    await until(ended);
    expect(got[1]).toMatchObject({ error: { code: 3, message: expect.stringContaining('bogus') } });
  });

  test('lease keepalive ends with its requests', async () => {
    const { got, ended } = stream('/v3/lease/keepalive', '{"ID":"1"} {"ID":"2"}', true);
    await until(ended);
    expect(got).toMatchObject([{ result: { ID: '1' } }, { result: { ID: '2' } }]);
  });
});

describe('probes', () => {
  const text = async (path: string) => {
    const response = await fetch(`http://127.0.0.1:${h.port}${path}`);
    return [response.status, await response.text()];
  };
  test('healthy', async () => {
    expect(await text('/health')).toEqual([200, '{"health":"true","reason":""}']);
    expect(await text('/readyz?verbose')).toEqual([200, '[+]data_corruption ok\n[+]serializable_read ok\n[+]linearizable_read ok\n[+]non_learner ok\nok\n']);
    expect(await text('/livez')).toEqual([200, 'ok\n']);
    expect(await text('/readyz/data_corruption')).toEqual([200, 'ok\n']);
  });
  test('alarms', async () => {
    h.replica.alarmList.push({ memberId: 7n, type: 'CORRUPT' });
    expect(await text('/health')).toEqual([503, '{"health":"false","reason":"ALARM CORRUPT"}\n']);
    expect((await text('/health?exclude=CORRUPT'))[0]).toBe(200);
    expect((await text('/readyz'))[0]).toBe(503);
    expect((await text('/readyz?exclude=data_corruption'))[0]).toBe(200);
    expect((await text('/livez'))[0]).toBe(200);
  });
  test('not serving: not ready, but alive', async () => {
    h.replica.serve(errUnavailable('catching up'));
    expect((await text('/readyz'))[0]).toBe(503);
    expect((await text('/health'))[0]).toBe(503);
    expect((await text('/livez'))[0]).toBe(200);
  });
});

test('JsonSplitter: torn anywhere, with brackets and quotes in strings', () => {
  const texts = ['{"a":"}\\"{"}', '{"b":[1,{"c":2}]}', '{}'];
  const wire = texts.join(' \n');
  for (let at = 0; at <= wire.length; at++) {
    const splitter = new JsonSplitter(1_000);
    const got = [...splitter.push(wire.slice(0, at)), ...splitter.push(wire.slice(at))];
    expect(got.map((text) => text.trim())).toEqual(texts);
    expect(splitter.torn).toBe(false);
  }
});
