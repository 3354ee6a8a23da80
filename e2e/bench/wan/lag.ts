/**
 * How old a write is when its event comes to a watcher at another site, counted from before the put was sent. The writer and each watcher have a thread of
 * their own; they share the monotonic clock.
 */
import { once } from 'node:events';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker, isMainThread, parentPort, workerData } from 'node:worker_threads';
import type { MessagePort } from 'node:worker_threads';
import * as pb from '../../../datastore/api/generated/etcdserverpb/rpc.ts';
import { Rpc } from '../../robustness/shared/rpc.ts';

export interface Lag {
  readonly rate_per_s: number;
  readonly p50_ms: number;
  readonly p90_ms: number;
  readonly p99_ms: number;
  readonly events: number;
  /** How late a timer was in a thread that did nothing else meanwhile: what the machine adds to each of the hops, whoever's they are. */
  readonly idle_p99_ms: number;
  readonly idle_max_ms: number;
}

interface Task {
  readonly role: 'write' | 'watch';
  readonly endpoint: string;
  readonly rate_per_s: number;
  readonly seconds: number;
}
interface Written {
  readonly answered: number;
  readonly took_s: number;
}

/** What comes first does not count: code is compiled. */
const WARM_MS = 3_000;
const VALUE_BYTES = 256;
const KEYS = 1_000;

const nowMs = (): number => Number(process.hrtime.bigint()) / 1e6;

/** Writes at the first site at a steady rate, and watches at all others. */
export async function lag(endpoints: readonly string[], rate_per_s: number, seconds: number): Promise<Lag> {
  const begin = async (role: Task['role'], endpoint: string): Promise<Worker> => {
    const worker = new Worker(new URL(import.meta.url), { workerData: { lag: { role, endpoint, rate_per_s, seconds } satisfies Task } });
    await once(worker, 'message');
    return worker;
  };
  const watchers = await Promise.all(endpoints.slice(1).map((endpoint) => begin('watch', endpoint)));
  const writer = await begin('write', endpoints[0] ?? '');
  const ask = async <T>(worker: Worker): Promise<T> => {
    const answer = once(worker, 'message') as Promise<[T]>;
    worker.postMessage('go');
    return (await answer)[0];
  };
  const idle = monitorEventLoopDelay({ resolution: 1 });
  idle.enable();
  const { answered, took_s } = await ask<Written>(writer);
  idle.disable();
  await sleep(1_000);
  const ages = (await Promise.all(watchers.map((watcher) => ask<number[]>(watcher)))).flat().sort((a, b) => a - b);
  await Promise.all([writer, ...watchers].map((worker) => worker.terminate()));
  const at = (share: number): number => ages[Math.min(ages.length - 1, Math.floor(ages.length * share))] ?? Number.NaN;
  return { rate_per_s: answered / took_s, p50_ms: at(0.5), p90_ms: at(0.9), p99_ms: at(0.99), events: ages.length, idle_p99_ms: idle.percentile(99) / 1e6, idle_max_ms: idle.max / 1e6 };
}

async function write(rpc: Rpc, { rate_per_s, seconds }: Task): Promise<Written> {
  const started = nowMs();
  const counting = started + WARM_MS;
  const due = Math.round(rate_per_s * (seconds + WARM_MS / 1_000));
  let answered = 0;
  const puts: Promise<void>[] = [];
  for (let sent = 0; sent < due;) {
    // As many as are due by now: a timer that comes late does not lower the rate.
    const now = Math.min(due, Math.floor(((nowMs() - started) / 1_000) * rate_per_s) + 1);
    for (; sent < now; sent++) {
      const at = nowMs();
      puts.push(rpc.put(`lag/${sent % KEYS}`, `${at < counting ? 0 : at}`.padEnd(VALUE_BYTES)).then(() => void answered++, () => undefined));
    }
    await sleep(1);
  }
  await Promise.all(puts);
  return { answered, took_s: (nowMs() - started) / 1_000 };
}

/** Resolves when it watches. @returns the ages so far, whenever they are asked for */
async function watch(rpc: Rpc): Promise<number[]> {
  const ages: number[] = [];
  const call = rpc.watch();
  call.on('error', () => {});
  const created = once(call, 'data');
  call.on('data', (response: pb.WatchResponse) => {
    const now = nowMs();
    for (const { kv } of response.events) {
      const sent = Number(kv?.value.toString().trim());
      if (sent > 0) ages.push(now - sent);
    }
  });
  const range = pb.WatchCreateRequest.fromPartial({ key: Buffer.from('lag/'), range_end: Buffer.from('lag0') });
  call.write(pb.WatchRequest.fromPartial({ request_union: { $case: 'create_request', value: range } }));
  await created;
  return ages;
}

async function work(port: MessagePort, task: Task): Promise<void> {
  const rpc = new Rpc(task.endpoint);
  const ages = task.role === 'watch' ? await watch(rpc) : [];
  port.postMessage('ready');
  await once(port, 'message');
  port.postMessage(task.role === 'watch' ? ages : await write(rpc, task));
}

const given = (workerData as { lag?: Task } | null)?.lag;
if (!isMainThread && given !== undefined && parentPort !== null) await work(parentPort, given);
