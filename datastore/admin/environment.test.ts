/** What etcdctl reads from the environment, the commands read as well. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { authority, member } from '../testing/certificates.ts';
import { freePort } from '../testing/places.ts';
import { clientTls, endpointsOf, targetOf } from './common.ts';

const none = { caFile: '', certFile: '', keyFile: '' };
const environment = { ETCDCTL_CACERT: '/e/ca', ETCDCTL_CERT: '/e/cert', ETCDCTL_KEY: '/e/key', ETCDCTL_ENDPOINTS: 'a:1,http://b:2' };

describe('flags before the environment', () => {
  test('certificates', () => {
    expect(clientTls({}, {})).toEqual(none);
    expect(clientTls({}, environment)).toEqual({ caFile: '/e/ca', certFile: '/e/cert', keyFile: '/e/key' });
    expect(clientTls({ cacert: '/f/ca' }, environment)).toEqual({ caFile: '/f/ca', certFile: '/e/cert', keyFile: '/e/key' });
    expect(clientTls({ cacert: '' }, { ETCDCTL_CACERT: '/e/ca' })).toEqual(none);
    expect(() => clientTls({ cert: '/f/cert' }, {})).toThrow('go together');
    expect(() => clientTls({}, { ETCDCTL_KEY: '/e/key' })).toThrow('go together');
  });

  test('endpoints: HTTPS if there are certificates and no scheme', () => {
    expect(endpointsOf(undefined, {}, none)).toEqual([{ address: '127.0.0.1:2379', tls: false }]);
    expect(endpointsOf(undefined, environment, clientTls({}, environment))).toEqual([{ address: 'a:1', tls: true }, { address: 'b:2', tls: false }]);
    expect(endpointsOf('c:3', environment, { ...none, certFile: '/e/cert', keyFile: '/e/key' })).toEqual([{ address: 'c:3', tls: true }]);
    expect(targetOf({}, environment, 5)).toEqual({ endpoint: { address: 'a:1', tls: true }, tls: clientTls({}, environment), timeout_ms: 5_000 });
    expect(targetOf({ endpoint: 'd:4' }, environment, 5).endpoint.address).toBe('d:4');
  });
});

describe('a replica that asks for certificates', () => {
  let folder: string;
  let replica: ChildProcess;
  let url: string;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'edgestore-environment-'));
    for (const [file, text] of Object.entries({ 'ca.crt': authority, 'tls.crt': member.cert, 'tls.key': member.key })) writeFileSync(join(folder, file), text);
    url = `https://127.0.0.1:${await freePort()}`;
    const peer = `http://127.0.0.1:${await freePort()}`;
    replica = spawn(process.execPath, [
      'datastore/main.ts', '--data-dir', join(folder, 'data'), '--listen-client-urls', url, '--advertise-client-urls', url, '--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer,
      '--cert-file', join(folder, 'tls.crt'), '--key-file', join(folder, 'tls.key'), '--trusted-ca-file', join(folder, 'ca.crt'), '--client-cert-auth',
    ], { stdio: ['ignore', 'ignore', 'pipe'] });
    await new Promise<void>((resolve, reject) => {
      let log = '';
      replica.stderr?.setEncoding('utf8').on('data', (text: string) => {
        log += text;
        if (log.includes('ready to serve client requests')) resolve();
      });
      replica.once('exit', () => reject(new Error(log)));
    });
  }, 120_000);
  afterAll(async () => {
    await new Promise((resolve) => {
      replica.once('exit', resolve);
      replica.kill('SIGKILL');
    });
    rmSync(folder, { recursive: true, force: true });
  });

  const run = (args: readonly string[], more: Record<string, string>) =>
    spawnSync(process.execPath, ['--disable-warning=ExperimentalWarning', 'datastore/main.ts', ...args], { encoding: 'utf8', env: { PATH: process.env['PATH'], ETCDCTL_ENDPOINTS: url.slice('https://'.length), ...more } });

  test.each([[['status']], [['check']], [['member', 'list']], [['drain', '--state']], [['conflicts']]])('%s finds it with ETCDCTL_ENDPOINTS, _CACERT, _CERT and _KEY alone', (args) => {
    const said = run(args, { ETCDCTL_CACERT: join(folder, 'ca.crt'), ETCDCTL_CERT: join(folder, 'tls.crt'), ETCDCTL_KEY: join(folder, 'tls.key') });
    expect([said.status, said.stderr]).toEqual([0, '']);
  }, 120_000);

  test('without its certificate it is not answered', () => {
    expect(run(['status', '--timeout', '2'], { ETCDCTL_CACERT: join(folder, 'ca.crt') }).status).toBe(1);
  }, 120_000);
});
