/**
 * How old a write is when its event comes to a watcher at another site, counted from before the put was sent. The writer, the watchers and the proxies are
 * processes of their own; they share the monotonic clock. At the same time the same clock readings of every fifth put go to the watchers' process
 * between plain sockets, through a proxy that delays as much: what the machine and these processes add themselves.
 */
import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { LOOPBACK } from '../../support/ports.ts';
import { Puts, watch } from './calls.ts';
import type { Links } from './links.ts';

/** Shares of what was measured, in milliseconds. */
export interface Ages {
  readonly p50_ms: number;
  readonly p90_ms: number;
  readonly p99_ms: number;
  readonly count: number;
}

export interface Lag extends Ages {
  readonly rate_per_s: number;
  /** Of the same readings between plain sockets. */
  readonly control: Ages;
  /** How late a timer was in a process that did nothing else meanwhile: what the machine adds to each of the hops, whoever's they are. */
  readonly idle_p99_ms: number;
  readonly idle_max_ms: number;
}

type Task =
  | { readonly role: 'write'; readonly endpoint: string; readonly control: number; readonly rate_per_s: number; readonly seconds: number }
  | { readonly role: 'watch'; readonly endpoints: readonly string[] };
interface Written {
  readonly answered: number;
  readonly took_s: number;
}
interface Seen {
  readonly events: readonly number[];
  readonly control: readonly number[];
}

/** What comes first does not count: code is compiled. */
const WARM_MS = 10_000;
/** What comes last may be this old. */
const REST_MS = 2_000;
const VALUE_BYTES = 256;
const KEYS = 1_000;
/** One in so many puts is told through the control: about as many messages as replicas exchange. */
const CONTROL_SHARE = 5;
/** Before a clock reading in a value or a message of the control; after it that many characters. */
const MARK = 'lag#';
const STAMP_CHARS = 20;

const nowMs = (): number => Number(process.hrtime.bigint()) / 1e6;
const stamp = (ms: number): string => `${MARK}${ms.toFixed(3).padStart(STAMP_CHARS)}`;

/** Calls `seen` with each clock reading in `bytes`. @returns where the first one begins of which not everything is there, or the end */
function readings(bytes: Buffer, seen: (ms: number) => void): number {
  for (let at = bytes.indexOf(MARK); at >= 0; at = bytes.indexOf(MARK, at + 1)) {
    const end = at + MARK.length + STAMP_CHARS;
    if (end > bytes.length) return at;
    seen(Number(bytes.toString('latin1', at + MARK.length, end)));
  }
  return bytes.length;
}

/** @param values sorted here */
export function ages(values: readonly number[]): Ages {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
  return { p50_ms: at(0.5), p90_ms: at(0.9), p99_ms: at(0.99), count: sorted.length };
}

/** Writes at the first site at a steady rate, and watches at all others. */
export async function lag(endpoints: readonly string[], links: Links, rate_per_s: number, seconds: number): Promise<Lag> {
  const children: ChildProcess[] = [];
  const begin = async <T>(task: Task): Promise<{ child: ChildProcess; ready: T }> => {
    const child = fork(fileURLToPath(import.meta.url), { env: { ...process.env, [TASK]: JSON.stringify(task) } });
    children.push(child);
    return { child, ready: await told<T>(child) };
  };
  const ask = <T>(child: ChildProcess): Promise<T> => {
    const answer = told<T>(child);
    child.send('go');
    return answer;
  };
  try {
    const watchers = await begin<number>({ role: 'watch', endpoints: endpoints.slice(1) });
    const control = await links.delayed(watchers.ready);
    const writer = await begin({ role: 'write', endpoint: endpoints[0] ?? '', control, rate_per_s, seconds });
    const idle = monitorEventLoopDelay({ resolution: 1 });
    idle.enable();
    const { answered, took_s } = await ask<Written>(writer.child);
    idle.disable();
    const seen = await ask<Seen>(watchers.child);
    return { ...ages(seen.events), rate_per_s: answered / took_s, control: ages(seen.control), idle_p99_ms: idle.percentile(99) / 1e6, idle_max_ms: idle.max / 1e6 };
  } finally {
    for (const child of children) child.kill();
  }
}

/** The next message. Rejects if the process ends instead. */
function told<T>(child: ChildProcess): Promise<T> {
  return new Promise((resolve, reject) => {
    const ended = (code: number | null): void => reject(new Error(`a process of the lag's measurement ended with ${code}`));
    child.once('exit', ended);
    child.once('message', (message) => {
      child.off('exit', ended);
      resolve(message as T);
    });
  });
}

async function write(task: Extract<Task, { role: 'write' }>): Promise<() => Promise<Written>> {
  let answered = 0;
  const puts = await Puts.open(task.endpoint, VALUE_BYTES, () => void answered++);
  const control = connect({ port: task.control, host: LOOPBACK, noDelay: true });
  await once(control, 'connect');
  return async () => {
    const started = nowMs();
    const counting = started + WARM_MS;
    const due = Math.round(task.rate_per_s * (task.seconds + WARM_MS / 1_000));
    for (let sent = 0; sent < due;) {
      // As many as are due by now: a timer that comes late does not lower the rate.
      const now = Math.min(due, Math.floor(((nowMs() - started) / 1_000) * task.rate_per_s) + 1);
      for (; sent < now; sent++) {
        const at = nowMs();
        const text = stamp(at < counting ? 0 : at);
        puts.put(`lag/${String(sent % KEYS).padStart(4, '0')}`, text);
        if (sent % CONTROL_SHARE === 0) control.write(text.padEnd(VALUE_BYTES));
      }
      await sleep(1);
    }
    const took_s = (nowMs() - started) / 1_000;
    await sleep(REST_MS);
    return { answered, took_s };
  };
}

/** @returns the port that the control's messages are to come to, and what has been seen whenever it is asked for */
async function watchAll(endpoints: readonly string[]): Promise<{ port: number; seen: () => Seen }> {
  const events: number[] = [];
  const control: number[] = [];
  const age = (list: number[]): ((sent: number) => void) => (sent) => {
    if (sent > 0) list.push(nowMs() - sent);
  };
  const server = createServer({ noDelay: true }, (socket) => {
    let rest: Buffer = Buffer.alloc(0);
    socket.on('data', (chunk: Buffer) => {
      const bytes = Buffer.concat([rest, chunk]);
      rest = bytes.subarray(readings(bytes, age(control)));
    });
  });
  server.listen(0, LOOPBACK);
  await once(server, 'listening');
  await Promise.all(endpoints.map((endpoint) => new Promise<void>((resolve, reject) => {
    watch(endpoint, 'lag/', 'lag0', (message) => {
      readings(message, age(events));
      resolve();
    }).catch(reject);
  })));
  return { port: (server.address() as AddressInfo).port, seen: () => ({ events, control }) };
}

const TASK = 'EDGESTORE_BENCH_LAG';

/** In a process of its own: gets ready, says so, and does its work when it is told to. */
async function work(task: Task, tell: (message: unknown) => void): Promise<void> {
  if (task.role === 'write') {
    const go = await write(task);
    process.once('message', () => void go().then(tell));
    tell('ready');
  } else {
    const { port, seen } = await watchAll(task.endpoints);
    process.once('message', () => tell(seen()));
    tell(port);
  }
}

const given = process.env[TASK];
if (given !== undefined && process.send !== undefined) await work(JSON.parse(given) as Task, (message) => void process.send!(message));
