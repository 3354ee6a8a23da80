import grpc from '@grpc/grpc-js';
import { afterEach, describe, expect, test } from '@jest/globals';
import http2 from 'node:http2';
import { Code } from '../../errors.ts';
import type { Clock } from '../../host/host.ts';
import { nodeClock } from '../../host/node-clock.ts';
import { Harness, call, deserialize, serialize, until } from '../fake/harness.ts';
import * as pb from '../generated/etcdserverpb/rpc.ts';
import { frameOf } from '../hot/writer.ts';
import type { Connection } from '../http2/connection.ts';
import { age } from './aging.ts';

const put = { path: '/etcdserverpb.KV/Put', request: pb.PutRequest, response: pb.PutResponse };
const request = pb.PutRequest.fromPartial({ key: Buffer.from('a'), value: Buffer.from('b') });
let h: Harness | undefined;
afterEach(async () => {
  await h?.close();
  h = undefined;
});

describe('when', () => {
  const asked: number[] = [];
  const clock: Clock = { ...nodeClock, after: (ms) => (asked.push(ms), { cancel() {} }) };
  const one = { connection: {} as Connection, told() {}, over() {} };

  test.each([[0, 54_000], [0.5, 60_000], [0.999999, 66_000]])('a tenth younger to a tenth older: %d', (random, expected) => {
    asked.length = 0;
    age({ clock, random: () => random, connectionAgeMs: 60_000, connectionAgeGraceMs: 1 }, one);
    expect(Math.round(asked[0]!)).toBe(expected);
  });

  test('never by default', () => {
    asked.length = 0;
    age({ clock, random: () => 0.5, connectionAgeMs: 0, connectionAgeGraceMs: 1 }, one).cancel();
    expect(asked).toEqual([]);
  });
});

test('a request under way is answered before the connection ends', async () => {
  h = await Harness.start({ connectionAgeMs: 30, connectionAgeGraceMs: 60_000 });
  const releases: (() => void)[] = [];
  h.replica.gate = () => new Promise((resolve) => releases.push(resolve));
  const session = http2.connect(`http://127.0.0.1:${h.port}`);
  const said: [number, number, string][] = [];
  const ends: Promise<string>[] = [];
  const ask = () => {
    const stream = session.request({ ':method': 'POST', ':path': put.path, 'content-type': 'application/grpc', te: 'trailers' });
    stream.end(frameOf(pb.PutRequest.encode(request).finish()));
    stream.resume();
    ends.push(new Promise((resolve, reject) => {
      stream.on('trailers', (trailers) => resolve(String(trailers['grpc-status'])));
      stream.on('error', reject);
    }));
  };
  session.on('goaway', (code, last, data) => said.push([code, last ?? 0, String(data ?? '')]));
  const closed = new Promise((resolve) => session.once('close', resolve));
  ask();
  await until(() => said.length === 2);
  expect(said[0]).toEqual([0, 2 ** 31 - 1, 'max_age']);
  expect(said[1]).toEqual([0, 1, '']);
  await until(() => releases.length === 1);
  releases[0]!();
  expect(await Promise.all(ends)).toEqual(['0']);
  await closed;
  await until(() => h!.server.stats.connections === 0);
});

test('clients that work on notice nothing of it', async () => {
  let connections = 0;
  // It is asked once for each connection.
  h = await Harness.start({ connectionAgeMs: 15, connectionAgeGraceMs: 60_000, random: () => (connections++ % 10) / 10 });
  const client = h.client();
  // Each answer comes on the connection of the moment: many have come and gone before the last.
  const worker = async (): Promise<void> => {
    while (connections < 10) await call(client, put, request);
  };
  await Promise.all([worker(), worker(), worker(), worker()]);
});

test('a watch ends at once, so that it goes on elsewhere; a call that takes longer than the grace ends with it', async () => {
  h = await Harness.start({ connectionAgeMs: 30, connectionAgeGraceMs: 30 });
  h.replica.gate = () => new Promise(() => {});
  const client = h.client();
  const pending = call(client, put, request);
  pending.catch(() => {});
  const watch = client.makeBidiStreamRequest('/etcdserverpb.Watch/Watch', serialize(pb.WatchRequest), deserialize(pb.WatchResponse), new grpc.Metadata(), {});
  const ended = new Promise<grpc.ServiceError>((resolve) => watch.once('error', resolve));
  watch.write(pb.WatchRequest.fromPartial({ request_union: { $case: 'create_request', value: { key: Buffer.from('a') } } }));
  const error = { code: Code.UNAVAILABLE, details: 'etcdserver: the connection is older than --max-connection-age' };
  expect(await ended).toMatchObject(error);
  await expect(pending).rejects.toMatchObject(error);
  await until(() => h!.server.stats.connections === 0);
});
