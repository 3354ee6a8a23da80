/** `edgestore check`: does a store work? Puts at each replica, and waits until all have it. */
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { DeleteRangeRequest, DeleteRangeResponse, PutRequest, PutResponse, RangeRequest, RangeResponse } from '../api/generated/etcdserverpb/rpc.ts';
import { ConfigError } from '../config/errors.ts';
import { call } from './client.ts';
import type { ClientTls, Endpoint } from './client.ts';
import { clientTls, endpointsOf, tlsOptions } from './common.ts';
import { textTable } from './table.ts';

export const checkUsage = `edgestore check [--endpoints host:port,...] [--wait SECONDS] [--prefix KEY] [--cacert FILE] [--cert FILE --key FILE]

Puts a key of its own at each replica, waits until every other one answers a read with it, and deletes it again. Prints how long each took. Waits up to
--wait (default 10) for a replica to answer at all. The keys are PREFIX + a random name; --prefix defaults to "edgestore-check/".
Exits 1 if a replica did not answer, or the replicas did not come to hold the same.`;

const ATTEMPT_MS = 5_000;
const PAUSE_MS = 20;

interface Parts {
  readonly endpoints: readonly Endpoint[];
  readonly tls: ClientTls;
  readonly deadline: number;
}

/** Tries until it succeeds, or throws the last error once the deadline has passed. */
async function patiently<T>(deadline: number, what: string, attempt: () => Promise<T | undefined>): Promise<T> {
  let last = 'it is not so';
  for (;;) {
    try {
      const answer = await attempt();
      if (answer !== undefined) return answer;
    } catch (error) {
      last = error instanceof Error ? error.message : String(error);
    }
    if (Date.now() > deadline) throw new ConfigError(`${what}: ${last}`);
    await sleep(PAUSE_MS);
  }
}

const put = ({ tls }: Parts, endpoint: Endpoint, key: Buffer, value: Buffer): Promise<PutResponse> =>
  call(endpoint, tls, '/etcdserverpb.KV/Put', PutRequest, PutResponse, PutRequest.fromPartial({ key, value }), ATTEMPT_MS);

async function read({ tls }: Parts, endpoint: Endpoint, key: Buffer): Promise<Buffer | null> {
  const { kvs } = await call(endpoint, tls, '/etcdserverpb.KV/Range', RangeRequest, RangeResponse, RangeRequest.fromPartial({ key }), ATTEMPT_MS);
  return kvs[0] === undefined ? null : Buffer.from(kvs[0].value);
}

/** One replica's turn: what it writes, and takes away, all others must see. Returns the seconds until each did. */
async function turn(parts: Parts, writer: Endpoint, key: Buffer): Promise<string[][]> {
  const value = Buffer.from(`written at ${writer.address}`);
  await patiently(parts.deadline, `${writer.address} takes no write`, () => put(parts, writer, key, value));
  const written = Date.now();
  const rows = await Promise.all(parts.endpoints.map(async (reader) => {
    await patiently(parts.deadline, `what was put at ${writer.address} is not at ${reader.address}`, async () => ((await read(parts, reader, key))?.equals(value) === true ? true : undefined));
    return [writer.address, reader.address, ((Date.now() - written) / 1_000).toFixed(3)];
  }));
  await patiently(parts.deadline, `${writer.address} takes no deletion`, () =>
    call(writer, parts.tls, '/etcdserverpb.KV/DeleteRange', DeleteRangeRequest, DeleteRangeResponse, DeleteRangeRequest.fromPartial({ key }), ATTEMPT_MS));
  await Promise.all(parts.endpoints.map((reader) =>
    patiently(parts.deadline, `what was deleted at ${writer.address} is still at ${reader.address}`, async () => ((await read(parts, reader, key)) === null ? true : undefined))));
  return rows;
}

/** Runs the command. Returns the exit code. Throws on a bad command line, and with what did not work. */
export async function check(args: readonly string[], environment: Readonly<Record<string, string | undefined>>, print: (text: string) => void): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      endpoints: { type: 'string' }, wait: { type: 'string', default: '10' }, prefix: { type: 'string', default: 'edgestore-check/' },
      ...tlsOptions, help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) {
    print(checkUsage);
    return 0;
  }
  const wait_ms = Number(values.wait) * 1_000;
  if (!(wait_ms > 0)) throw new ConfigError(`--wait must be a number of seconds, not ${values.wait}`);
  const tls = clientTls(values, environment);
  const endpoints = endpointsOf(values.endpoints, environment, tls);
  const parts: Parts = { endpoints, tls, deadline: Date.now() + wait_ms };
  const rows: string[][] = [];
  for (const writer of endpoints) {
    rows.push(...await turn(parts, writer, Buffer.from(`${values.prefix}${process.pid}-${Date.now()}-${Math.random().toString(36).slice(2)}`)));
  }
  print(textTable(['PUT AT', 'READ AT', 'AFTER S'], rows));
  return 0;
}
