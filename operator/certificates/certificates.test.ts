import { expect, test } from '@jest/globals';
import { connect, createServer } from 'node:tls';
import type { AddressInfo } from 'node:net';
import { edgestore } from '../testing.ts';
import type { KubeObject } from '../runtime/objects.ts';
import { CERTIFICATE_DAYS, RENEW_SHARE } from '../limits.ts';
import { issue, makeCa, wornOut } from './issue.ts';
import { issueIfNeeded, secretText } from './material.ts';

const NOW = Date.now();
const DAY_MS = 86_400_000;

test('both sides of a connection accept it, by the name of a replica', async () => {
  const ca = await makeCa('shop peer CA', NOW);
  const { certPem: cert, keyPem: key } = await issue(ca, 'shop', ['*.shop-headless.edge.svc'], NOW);
  const server = createServer({ cert, key, ca: ca.certPem, requestCert: true, rejectUnauthorized: true }, (socket) => socket.end('hello'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const dial = (servername: string): Promise<string> => new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', servername, ca: ca.certPem, cert, key });
    socket.on('error', reject).on('data', (data: Buffer) => resolve(data.toString()));
  });
  expect(await dial('shop-1.shop-headless.edge.svc')).toBe('hello');
  await expect(dial('other-0.other-headless.edge.svc')).rejects.toThrow('does not match');
  await new Promise((resolve) => server.close(resolve));
});

test('when a certificate must be made anew', async () => {
  const [ca, other] = await Promise.all([makeCa('a', NOW), makeCa('b', NOW)]);
  const { certPem } = await issue(ca, 'shop', ['x', '*.y'], NOW);
  expect(wornOut(certPem, ca.certPem, ['x', '*.y'], NOW, RENEW_SHARE)).toBeNull();
  expect(wornOut(certPem, ca.certPem, ['x', 'z'], NOW, RENEW_SHARE)).toBe('it does not name z');
  expect(wornOut(certPem, other.certPem, ['x'], NOW, RENEW_SHARE)).toBe('another CA has issued it');
  expect(wornOut(certPem, ca.certPem, ['x'], NOW + CERTIFICATE_DAYS * DAY_MS * 0.7, RENEW_SHARE)).toContain('valid until');
  expect(wornOut('', ca.certPem, [], NOW, RENEW_SHARE)).toBe('it cannot be read');
});

test('Secrets: made once, kept while they are good, renewed by the same CA; a new CA trusts the old one for a while', async () => {
  const secrets = new Map<string, KubeObject>();
  const run = async (now_ms: number) => {
    const issued = await issueIfNeeded(edgestore(), 'peer', 'cluster.local', (name) => secrets.get(name), now_ms);
    for (const { object } of issued?.wanted ?? []) secrets.set(object.metadata.name, object);
    return issued;
  };
  expect((await run(NOW))?.wanted.map(({ object }) => object.metadata.name)).toEqual(['shop-peer-ca', 'shop-peer-tls']);
  expect(await run(NOW)).toBeNull();
  const [ca, tls] = [secrets.get('shop-peer-ca'), secrets.get('shop-peer-tls')];
  expect(secretText(tls, 'ca.crt')).toBe(secretText(ca, 'ca.crt'));
  expect(secretText(tls, 'ca.key')).toBe('');
  expect((await run(NOW + CERTIFICATE_DAYS * DAY_MS * 0.7))?.wanted.map(({ object }) => object.metadata.name)).toEqual(['shop-peer-tls']);
  expect((await run(NOW + 7 * 365 * DAY_MS))?.wanted).toHaveLength(2);
  expect(secretText(secrets.get('shop-peer-tls'), 'ca.crt').match(/BEGIN CERTIFICATE/g)).toHaveLength(2);
});

test('none is made where another looks after it', async () => {
  const store = edgestore();
  expect(await issueIfNeeded(store, 'client', 'cluster.local', () => undefined, NOW)).toBeNull();
});
