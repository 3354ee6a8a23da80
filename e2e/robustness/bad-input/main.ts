/**
 * What is not as it should be: requests, frames, flags, data folders. Each gets a clear error, nothing acknowledged is lost, and nobody crashes.
 *
 *   node e2e/robustness/bad-input/main.ts
 *
 * Every case runs real processes of its own folder.
 */
import { chmodSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { crc32 } from 'node:zlib';
import { countLine, writeResults } from '../../results.ts';
import type { Result } from '../../results.ts';
import { edgestoreCluster, edgestoreMain } from '../../support/edgestore.ts';
import { freePort } from '../../support/ports.ts';
import { run } from '../../support/process.ts';
import { TempDir } from '../../support/temp.ts';
import { Rpc } from '../shared/rpc.ts';

const results: Result[] = [];

/** Thrown by a case that cannot be tried here, with the reason. */
class Skip extends Error {}

/** Runs one case; what it throws is its failure. */
async function check(name: string, body: (dir: TempDir) => Promise<void>): Promise<void> {
  const started = Date.now();
  let reason = '';
  let skipped = false;
  const dir = TempDir.create('bad-input');
  try {
    await body(dir);
  } catch (error) {
    skipped = error instanceof Skip;
    reason = (error instanceof Error ? error.message : String(error)).slice(0, 500);
  }
  dir.remove();
  const status = reason === '' ? 'passed' : skipped ? 'skipped' : 'failed';
  results.push({ suite: 'robustness/bad-input', name, status, reason, seconds: (Date.now() - started) / 1000 });
  console.log(`${status}: ${name}${reason === '' ? '' : `: ${reason}`}`);
}

function expectText(text: string, ...parts: (string | RegExp)[]): void {
  for (const part of parts) {
    if (!(typeof part === 'string' ? text.includes(part) : part.test(text))) throw new Error(`'${String(part)}' expected in: ${text.slice(-400)}`);
  }
}

async function refused(call: Promise<unknown>, text: string): Promise<void> {
  const error = await call.then(() => undefined, (reason: unknown) => reason as Error);
  if (error === undefined) throw new Error(`'${text}' expected, but the call succeeded`);
  expectText(error.message, text);
}

/** Starts a replica that must refuse to: its exit code is 1, and it says why. */
async function refusesToStart(args: readonly string[], ...parts: (string | RegExp)[]): Promise<void> {
  const { code, stdout, stderr } = await run(process.execPath, [edgestoreMain(), 'serve', ...args], { timeout_ms: 20_000 });
  if (code !== 1) throw new Error(`exit code ${code}, 1 expected: ${stderr.slice(-300)}`);
  expectText(stdout + stderr, ...parts);
  if (/\n\s+at .*\.ts:\d+/.test(stderr)) throw new Error(`a stack trace instead of a reason: ${stderr.slice(0, 300)}`);
}

/** Sends bytes to a port, and waits until the other side closes, at most 2 s. */
async function throwAt(port: number, bytes: Buffer): Promise<void> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  socket.resume();
  socket.write(bytes);
  await Promise.race([new Promise((resolve) => socket.once('close', resolve)), sleep(300)]);
  socket.destroy();
}

/** Flags of a replica on free ports. */
async function flagsFor(dataDir: string): Promise<string[]> {
  const client = `http://127.0.0.1:${await freePort()}`;
  const peer = `http://127.0.0.1:${await freePort()}`;
  return ['--data-dir', dataDir, '--listen-client-urls', client, '--advertise-client-urls', client, '--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer, '--initial-cluster', `default=${peer}`];
}

await check('requests, frames and bytes of all wrong kinds on one replica', async (dir) => {
  await using cluster = await edgestoreCluster({ dir });
  await cluster.start();
  const member = cluster.members[0]!;
  const rpc = new Rpc(member.endpoint);
  const { pid } = member;
  try {
    await rpc.put('kept', 'value');
    await refused(rpc.put('large', 'x'.repeat(1_600_000)), 'etcdserver: request is too large');
    await refused(rpc.put('larger', 'x'.repeat(20_000_000)), 'RESOURCE_EXHAUSTED');
    await refused(rpc.put('leased', 'value', 4_711n), 'etcdserver: requested lease not found');
    await refused(rpc.put('', 'value'), 'etcdserver: key is not provided');
    await refused(rpc.range('', ''), 'etcdserver: key is not provided');
    await refused(rpc.range('kept', '', 1_000_000), 'etcdserver: mvcc: required revision is a future revision');
    await refused(rpc.compact(1_000_000), 'etcdserver: mvcc: required revision is a future revision');
    if ((await rpc.range('z', 'a')).kvs.length > 0) throw new Error('an empty range has keys');
    const ports = [Number(new URL(member.endpoint).port), peerPort(readFileSync(member.logFile, 'utf8'))];
    if (ports.some((port) => !(port > 0))) throw new Error('the peer port is not in the log');
    const garbage = [
      Buffer.from('GARBAGE\r\n\r\n'), Buffer.from('GET / HTTP/9.9\r\n\r\n'), Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nnonsense nonsense'), Buffer.alloc(100_000, 0xff), Buffer.alloc(100_000),
      Buffer.from(`GET /${'x'.repeat(100_000)} HTTP/1.1\r\nhost: x\r\n\r\n`), Buffer.from('POST /v3/kv/put HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\n\r\n{{{'),
      Buffer.from('GET // HTTP/1.1\r\nhost: x\r\n\r\n'), Buffer.from('POST /v3/kv/range HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nZZ\r\n'),
      Buffer.from('GET / HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-version: 13\r\nsec-websocket-key: MTIzNDU2Nzg5MDEyMzQ1Ng==\r\n\r\n\xff\xff\xff\xff', 'latin1'),
    ];
    await Promise.all(ports.flatMap((port) => garbage.map((bytes) => throwAt(port, bytes))));
    if (String((await rpc.range('kept', '')).kvs[0]?.value) !== 'value') throw new Error('the key is gone');
    if (member.pid !== pid) throw new Error('the process is another');
    await refusesToStart(await flagsFor(member.dataDir), 'is held by', 'two processes must never use one data folder');
    const flags = await flagsFor(dir.join('other'));
    flags[flags.indexOf('--listen-client-urls') + 1] = member.endpoint;
    await refusesToStart(flags, 'the address is in use');
    const folders = await flagsFor('/proc/edgestore');
    await refusesToStart(folders, '/proc/edgestore');
  } finally {
    rpc.close();
  }
});

function peerPort(log: string): number {
  // The first line of the log names the members' peer URLs, its own alone here.
  return Number(/"initial-cluster":\["n0=http:\/\/127\.0\.0\.1:(\d+)"/.exec(log)?.[1] ?? 0);
}

await check('flags', async (dir) => {
  await refusesToStart(['--no-such-flag'], 'no-such-flag');
  await refusesToStart(['--data-dir', dir.join('d'), '--max-request-bytes', 'many'], 'max-request-bytes');
  await refusesToStart(['--data-dir', dir.join('d'), '--slot', '9999'], '--slot');
  await refusesToStart(['--data-dir', dir.join('d'), '--listen-client-urls', 'nonsense'], 'listen-client-urls');
  const policy = dir.join('policy.yaml');
  const withPolicy = ['--data-dir', dir.join('d'), '--merge-policy', policy];
  await refusesToStart(withPolicy, policy, 'ENOENT');
  for (const [text, why] of [
    ['kinds: [', 'neither JSON nor YAML'],
    ['kinds:\n- kinds: [Pod]\n  merge: field\n  fields: { spec.nodeName: newest }', /row 1 of kinds.*the rule of spec\.nodeName must be one of/],
    ['kinds:\n- kinds: [Pod]\n  merge: field\n  check: [pod-template]', /row 1 of kinds: .*check.* means nothing here/],
  ] as const) {
    writeFileSync(policy, text);
    await refusesToStart(withPolicy, policy, why);
  }
});

/** Makes a folder with some records, and gives its newest journal file to `change`. The flags to start it again. */
async function changed(dir: TempDir, change: (file: Buffer, records: number[]) => Buffer): Promise<string[]> {
  const cluster = await edgestoreCluster({ dir });
  await cluster.start();
  const member = cluster.members[0]!;
  const rpc = new Rpc(member.endpoint);
  for (let i = 0; i < 20; i++) await rpc.put(`key${i}`, 'value'.repeat(20));
  rpc.close();
  await member.kill();
  await cluster.stop();
  const name = readdirSync(member.dataDir).filter((file) => file.endsWith('.journal')).sort().at(-1)!;
  const path = `${member.dataDir}/${name}`;
  const bytes = readFileSync(path);
  const records: number[] = [];
  for (let at = 64; at + 32 <= bytes.length && bytes.readUInt32LE(at + 4) > 0; at += 32 + Math.ceil(bytes.readUInt32LE(at + 4) / 8) * 8) records.push(at);
  writeFileSync(path, change(bytes, records));
  return flagsFor(member.dataDir);
}

await check('a journal of a newer format', async (dir) => {
  const flags = await changed(dir, (file) => {
    file.writeUInt32LE(99, 8);
    file.writeUInt32LE(crc32(file.subarray(0, 60)), 60);
    return file;
  });
  await refusesToStart(flags, '.journal', 'newer version of EdgeStore', 'format 99');
});

await check('damage in the middle of a journal', async (dir) => {
  let offset = 0;
  const flags = await changed(dir, (file, records) => {
    offset = records[Math.floor(records.length / 2)]!;
    file[offset + 40]! ^= 0xff;
    return file;
  });
  await refusesToStart(flags, `.journal is damaged at offset ${offset}`);
});

await check('a torn tail of a journal', async (dir) => {
  let offset = 0;
  await changed(dir, (file, records) => {
    const last = records.at(-1)!;
    offset = last + 32 + Math.ceil(file.readUInt32LE(last + 4) / 8) * 8;
    file.fill(0xab, offset, offset + 20);
    return file;
  });
  await using cluster = await edgestoreCluster({ dir });
  await cluster.start();
  const member = cluster.members[0]!;
  const rpc = new Rpc(member.endpoint);
  try {
    if ((await rpc.range('key', 'kez')).kvs.length !== 20) throw new Error('acknowledged keys are gone');
    expectText(readFileSync(member.logFile, 'utf8'), 'dropped an unfinished write at the end of the journal', `"offset":${offset}`);
  } finally {
    rpc.close();
  }
});

await check('no disk space: writes are refused, reads go on, nothing is lost, and it goes on by itself', async (dir) => {
  if (process.getuid?.() !== 0) throw new Skip('needs root, to mount a small file system');
  const mount = dir.mkdir('edgestore-n0.data');
  const mounted = await run('mount', ['-t', 'tmpfs', '-o', 'size=24m', 'tmpfs', mount]);
  if (mounted.code !== 0) {
    throw new Skip(`no small file system can be mounted: ${mounted.stderr.trim()}`);
  }
  try {
    await using cluster = await edgestoreCluster({ dir });
    await cluster.start();
    const member = cluster.members[0]!;
    const rpc = new Rpc(member.endpoint);
    const value = 'x'.repeat(1_000_000);
    const held: string[] = [];
    let error: Error | undefined;
    for (let i = 0; i < 60 && error === undefined; i++) {
      await rpc.put(`k${i}`, value).then(() => held.push(`k${i}`), (reason: unknown) => void (error = reason as Error));
    }
    expectText(error?.message ?? 'no error', 'etcdserver: mvcc: database space exceeded');
    for (const key of held) if ((await rpc.range(key, '')).kvs.length !== 1) throw new Error(`${key} is gone`);
    await rpc.delete(held[0]!);
    await run('mount', ['-o', 'remount,size=96m', mount]);
    const deadline = Date.now() + 15_000;
    for (;;) {
      if (await rpc.put('again', 'value').then(() => true, () => false)) break;
      if (Date.now() > deadline) throw new Error('writes are refused although there is space again');
      await sleep(250);
    }
    await member.kill();
    await member.start();
    const after = new Rpc(member.endpoint);
    for (const key of held.slice(1)) if ((await after.range(key, '')).kvs[0]?.value.length !== value.length) throw new Error(`${key} is gone after a restart`);
    rpc.close();
    after.close();
  } finally {
    await run('umount', ['-l', mount]);
  }
});

await check('a folder that may not be written', async (dir) => {
  if (process.getuid?.() === 0) throw new Skip('root writes anywhere; a folder below /proc stands for it in another case');
  chmodSync(dir.mkdir('read-only'), 0o500);
  await refusesToStart(await flagsFor(dir.join('read-only', 'data')), 'permission denied');
});

console.log(`bad-input: ${countLine(results)}`);
writeResults(results);
process.exitCode = results.some(({ status }) => status === 'failed') ? 1 : 0;
