/**
 * `edgestore dev`: a cluster on this machine, to try. Each replica is a process of its own, the same as in production, so that one can be killed
 * while the others go on. Data lies in ./.data/dev and is there at the next start.
 */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join, relative, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { ConfigError } from '../config/errors.ts';

const LOOPBACK = '127.0.0.1';
const READY = 'ready to serve client requests';
const START_LIMIT_MS = 30_000;
/** Longer than a replica's own grace. */
const STOP_LIMIT_MS = 15_000;

export const devUsage = `edgestore dev [--replicas N] [--data-dir FOLDER]

Runs N replicas (default 3) on ${LOOPBACK}, ports 2379, 22379, 32379, … if they are free and others if not. Data and logs go to FOLDER
(default .data/dev) and are used again at the next start. Ctrl-C ends all of them.`;

interface Replica {
  readonly name: string;
  readonly clientPort: number;
  readonly peerPort: number;
}

function portIsFree(port: number): Promise<number | undefined> {
  return new Promise((done) => {
    const server = createServer();
    server.once('error', () => done(undefined));
    server.listen(port, LOOPBACK, () => {
      const { port: found } = server.address() as AddressInfo;
      server.close(() => done(found));
    });
  });
}

/** That port if it is free, otherwise any. */
async function choosePort(wanted: number, taken: ReadonlySet<number>): Promise<number> {
  for (const port of [wanted, 0, 0, 0, 0]) {
    const free = await portIsFree(port);
    if (free !== undefined && !taken.has(free)) return free;
  }
  throw new ConfigError('no free port');
}

/** The replicas as they were at the last start, for their addresses are part of who they are; else new ones on well-known ports. */
async function layout(folder: string, count: number): Promise<Replica[]> {
  const file = join(folder, 'cluster.json');
  let known: Replica[] = [];
  try {
    known = JSON.parse(readFileSync(file, 'utf8')) as Replica[];
  } catch {
    // The first start.
  }
  if (known.length > 0 && known.length !== count) {
    throw new ConfigError(`${folder} holds a cluster of ${known.length} replicas: start it with --replicas ${known.length}, name another --data-dir, or remove the folder`);
  }
  const taken = new Set<number>();
  const replicas: Replica[] = [];
  for (let i = 0; i < count; i++) {
    const clientPort = await choosePort(known[i]?.clientPort ?? (i === 0 ? 2379 : Number(`${i + 1}2379`)), taken);
    taken.add(clientPort);
    const wanted = known[i]?.peerPort;
    const peerPort = await choosePort(wanted ?? (i === 0 ? 2380 : Number(`${i + 1}2380`)), taken);
    if (wanted !== undefined && wanted !== peerPort) throw new ConfigError(`port ${wanted}, a peer port of the cluster in ${folder}, is in use by another program`);
    taken.add(peerPort);
    replicas.push({ name: `n${i + 1}`, clientPort, peerPort });
  }
  mkdirSync(folder, { recursive: true });
  writeFileSync(file, `${JSON.stringify(replicas, null, 2)}\n`);
  return replicas;
}

function launch(program: string, replica: Replica, all: readonly Replica[], folder: string): { readonly child: ChildProcess; readonly log: string } {
  const client = `http://${LOOPBACK}:${replica.clientPort}`;
  const peer = (r: Replica): string => `http://${LOOPBACK}:${r.peerPort}`;
  const log = join(folder, `${replica.name}.log`);
  const file = openSync(log, 'w');
  const child = spawn(process.execPath, [
    // What Node was told of the space for young objects (hack/README.md) holds for them.
    ...process.execArgv.filter((arg) => arg.startsWith('--max-semi-space-size')), program, 'serve', '--name', replica.name, '--data-dir', join(folder, replica.name),
    '--listen-client-urls', client, '--advertise-client-urls', client,
    '--listen-peer-urls', peer(replica), '--initial-advertise-peer-urls', peer(replica),
    '--initial-cluster', all.map((r) => `${r.name}=${peer(r)}`).join(','), '--initial-cluster-token', 'dev',
    // Detached: Ctrl-C reaches this process alone, which ends them in order. The channel: if this process is killed, they end, too.
  ], { stdio: ['ignore', file, file, 'ipc'], detached: true });
  closeSync(file);
  return { child, log };
}

function lastLines(log: string): string {
  return readFileSync(log, 'utf8').trimEnd().split('\n').slice(-5).join('\n');
}

async function untilReady(name: string, child: ChildProcess, log: string): Promise<void> {
  const deadline = Date.now() + START_LIMIT_MS;
  while (!readFileSync(log, 'utf8').includes(READY)) {
    if (child.exitCode !== null || child.signalCode !== null) throw new ConfigError(`${name} ended:\n${lastLines(log)}`);
    if (Date.now() > deadline) throw new ConfigError(`${name} is not ready after ${START_LIMIT_MS / 1000} s; see ${log}`);
    await sleep(50);
  }
}

async function stopAll(children: readonly ChildProcess[], signal: NodeJS.Signals): Promise<void> {
  await Promise.all(children.map((child) => new Promise<void>((done) => {
    if (child.exitCode !== null || child.signalCode !== null) return done();
    const alarm = setTimeout(() => child.kill('SIGKILL'), STOP_LIMIT_MS);
    child.once('exit', () => {
      clearTimeout(alarm);
      done();
    });
    child.kill(signal);
  })));
}

function welcome(replicas: readonly Replica[], children: readonly ChildProcess[], folder: string): string {
  const endpoints = replicas.map((replica) => `${LOOPBACK}:${replica.clientPort}`);
  const shown = relative('', folder).startsWith('..') ? folder : relative('', folder);
  const [first = '', second = first] = endpoints;
  return `
EdgeStore: ${replicas.length} replicas. Each reads and writes alone; each tells the others.

${replicas.map((replica, i) => `  ${replica.name}  http://${endpoints[i]}  pid ${children[i]?.pid}  ${join(shown, `${replica.name}.log`)}`).join('\n')}

Write at one, read at another:

  etcdctl --endpoints ${first} put hello world
  etcdctl --endpoints ${second} get hello

The same without etcdctl, through the JSON gateway (keys and values in base64):

  curl -s http://${first}/v3/kv/put -d '{"key":"aGVsbG8=","value":"d29ybGQ="}'
  curl -s http://${second}/v3/kv/range -d '{"key":"aGVsbG8="}'

How they are:

  npm run --silent edgestore -- status --endpoints ${endpoints.join(',')}

Ctrl-C ends all of them. Data stays in ${shown}.
`;
}

/** Runs the command until a signal or until a replica cannot start. Returns the exit code. @param program path of main.ts. */
export async function dev(args: readonly string[], program: string, print: (text: string) => void): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: { replicas: { type: 'string', default: '3' }, 'data-dir': { type: 'string', default: '.data/dev' }, help: { type: 'boolean', short: 'h', default: false } },
  });
  if (values.help) {
    print(devUsage);
    return 0;
  }
  const count = Number(values.replicas);
  if (!Number.isInteger(count) || count < 1 || count > 5) throw new ConfigError(`--replicas must be 1 to 5, not ${values.replicas}`);
  const folder = resolve(values['data-dir']);
  const replicas = await layout(folder, count);
  const launched = replicas.map((replica) => launch(program, replica, replicas, folder));
  const children = launched.map(({ child }) => child);
  // However this process ends, the replicas do not outlive it.
  process.on('exit', () => children.forEach((child) => child.kill('SIGKILL')));

  const interrupted = new Promise<'interrupted'>((done) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => done('interrupted'));
    // npm's shell, when it is told to end, does not pass that on.
    const parent = process.ppid;
    setInterval(() => { if (process.ppid !== parent) done('interrupted'); }, 500).unref();
  });
  let signal: 'interrupted' | 'ready';
  try {
    const ready = Promise.all(launched.map(({ child, log }, i) => untilReady(replicas[i]?.name ?? '', child, log))).then(() => 'ready' as const);
    signal = await Promise.race([ready, interrupted]);
  } catch (error) {
    await stopAll(children, 'SIGTERM');
    throw error;
  }
  if (signal === 'ready') {
    print(welcome(replicas, children, folder));
    children.forEach((child, i) => child.once('exit', (code, by) => print(`${replicas[i]?.name} ended (${by ?? `exit code ${code}`}); the others go on`)));
    await interrupted;
  }
  print('\nstopping ...');
  children.forEach((child) => child.removeAllListeners('exit'));
  await stopAll(children, 'SIGTERM');
  return 0;
}
