import grpc from '@grpc/grpc-js';
import { afterEach, describe, expect, test } from '@jest/globals';
import { mkdtempSync, rmSync } from 'node:fs';
import http from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import tls from 'node:tls';
import { parseAddresses } from '../../config/urls.ts';
import { nodeClock } from '../../host/node-clock.ts';
import { silent } from '../../host/log.ts';
import { certificate } from '../fake/certificates.ts';
import { Harness, call } from '../fake/harness.ts';
import * as pb from '../generated/etcdserverpb/rpc.ts';
import { Certificates } from './tls.ts';

const get = { path: '/etcdserverpb.KV/Range', request: pb.RangeRequest, response: pb.RangeResponse };
const request = pb.RangeRequest.fromPartial({ key: Buffer.from('a') });
const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function start(...args: Parameters<typeof Harness.start>): Promise<Harness> {
  const h = await Harness.start(...args);
  closers.push(() => h.close());
  return h;
}

const ca = certificate('test CA');
const files = new Map<string, string>();
async function certificates(clientCertAuth: boolean): Promise<Certificates> {
  const server = certificate('server', ca);
  files.set('cert', server.certPem).set('key', server.keyPem).set('ca', ca.certPem);
  const paths = { certFile: 'cert', keyFile: 'key', trustedCaFile: clientCertAuth ? 'ca' : '', clientCertAuth, minVersion: 'TLSv1.2', maxVersion: 'TLSv1.3', cipherSuites: [] } as const;
  const read = (path: string) => Promise.resolve(Buffer.from(files.get(path) ?? ''));
  const made = await Certificates.open(paths, read, nodeClock, silent);
  closers.push(() => made.close());
  return made;
}

function fetchText(url: string, options: https.RequestOptions = {}): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const agent = { agent: false } as const;
    const get = url.startsWith('https') ? https.get : http.get;
    get(url, { ...agent, ...options }, (response) => {
      let text = '';
      response.on('data', (chunk: Buffer) => (text += String(chunk)));
      response.on('end', () => resolve({ status: response.statusCode!, text }));
    }).on('error', reject);
  });
}

/** Sends bytes one by one and returns what comes back until the server closes or `enough` holds. */
function trickle(port: number, bytes: Buffer, enough: (got: Buffer) => boolean): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ port, host: '127.0.0.1', noDelay: true });
    let got = Buffer.alloc(0) as Buffer;
    socket.on('error', reject);
    socket.on('data', (chunk) => {
      got = Buffer.concat([got, chunk]);
      if (enough(got)) socket.destroy();
    });
    socket.on('close', () => resolve(got));
    void (async () => {
      for (const byte of bytes) await new Promise<void>((done) => socket.write(Buffer.from([byte]), () => setImmediate(done)));
    })();
  });
}

describe('plaintext', () => {
  test('gRPC and HTTP/1.1 on one port', async () => {
    const h = await start();
    await call(h.client(), get, request);
    const { status, text } = await fetchText(`http://127.0.0.1:${h.port}/version`);
    expect([status, JSON.parse(text)]).toMatchObject([200, { etcdserver: '3.7.3', etcdcluster: '3.7.0' }]);
    expect((await fetchText(`http://127.0.0.1:${h.port}/nope`)).status).toBe(404);
  });

  test('first bytes one by one', async () => {
    const h = await start();
    const answer = await trickle(h.port, Buffer.from('PUT /health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n'), () => false);
    expect(String(answer)).toContain('405 Method Not Allowed');
    const preface = Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0])]);
    const settings = await trickle(h.port, preface, (got) => got.length >= 9);
    expect(settings[3]).toBe(4); // SETTINGS
  });

  test('with HTTP URLs of their own, client URLs are gRPC only', async () => {
    const h = new Harness();
    closers.push(() => h.close());
    const one = parseAddresses('http://127.0.0.1:0');
    const [grpcPort, httpPort, metricsPort] = await h.server.open({ client: one, http: one, metrics: one, certificates: null });
    h.port = grpcPort!;
    await call(h.client(), get, request);
    await expect(fetchText(`http://127.0.0.1:${grpcPort}/version`)).rejects.toThrow();
    expect((await fetchText(`http://127.0.0.1:${httpPort}/version`)).status).toBe(200);
    expect((await fetchText(`http://127.0.0.1:${metricsPort}/health`)).text).toBe('{"health":"true","reason":""}');
    expect((await fetchText(`http://127.0.0.1:${metricsPort}/version`)).status).toBe(404);
  });

  test('a unix socket', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'api-'));
    closers.push(() => rmSync(dir, { recursive: true }));
    const h = await start({}, { client: parseAddresses(`unix://${dir}/sock`) });
    await call(h.client({}, undefined, `unix:${dir}/sock`), get, request);
  });

  test('an address in use', async () => {
    const h = await start();
    await expect(Harness.start({}, { client: parseAddresses(`http://127.0.0.1:0,http://127.0.0.1:${h.port}`) })).rejects.toMatchObject({ code: 'EADDRINUSE' });
  });
});

describe('TLS', () => {
  const roots = Buffer.from(ca.certPem);

  test('gRPC, HTTP/1.1 and HTTP/2 on one port', async () => {
    const h = await start({}, { client: parseAddresses('https://127.0.0.1:0'), certificates: await certificates(false) });
    await call(h.client({}, grpc.credentials.createSsl(roots)), get, request);
    expect((await fetchText(`https://127.0.0.1:${h.port}/readyz`, { ca: roots })).text).toBe('ok\n');
    const session = http2.connect(`https://127.0.0.1:${h.port}`, { ca: roots });
    const stream = session.request({ ':path': '/health' });
    let text = '';
    for await (const chunk of stream) text += String(chunk);
    expect(text).toBe('{"health":"true","reason":""}');
    await new Promise<void>((resolve) => session.close(resolve));
  });

  test('a client without ALPN is told by its first bytes', async () => {
    const h = await start({}, { client: parseAddresses('https://127.0.0.1:0'), certificates: await certificates(false) });
    const socket = tls.connect({ port: h.port, host: '127.0.0.1', ca: roots });
    socket.write('GET /readyz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n');
    let text = '';
    for await (const chunk of socket) text += String(chunk);
    expect(text).toContain('200 OK');
  });

  test('client certificates are asked for, checked, and their common name is known', async () => {
    const names: unknown[] = [];
    const h = await start({}, { client: parseAddresses('https://127.0.0.1:0'), certificates: await certificates(true) });
    const { open } = h.replica.watch;
    h.replica.watch.open = (output) => (names.push(output), open(output));
    const me = certificate('client one', ca);
    const stranger = certificate('stranger', certificate('other CA'));
    const credentials = (who: { keyPem: string; certPem: string }) => grpc.credentials.createSsl(roots, Buffer.from(who.keyPem), Buffer.from(who.certPem));
    await call(h.client({}, credentials(me)), get, request);
    const deadline = () => ({ deadline: new Date(Date.now() + 2_000) });
    await expect(call(h.client({}, credentials(stranger)), get, request, deadline())).rejects.toBeDefined();
    await expect(call(h.client({}, grpc.credentials.createSsl(roots)), get, request, deadline())).rejects.toBeDefined();
    await expect(fetchText(`https://127.0.0.1:${h.port}/version`, { ca: roots })).rejects.toThrow();
    expect((await fetchText(`https://127.0.0.1:${h.port}/version`, { ca: roots, cert: me.certPem, key: me.keyPem })).status).toBe(200);
  });

  test('renewed certificates are used without a restart; broken ones are not', async () => {
    const used = await certificates(false);
    const h = await start({}, { client: parseAddresses('https://127.0.0.1:0'), certificates: used });
    const serial = () =>
      new Promise<string>((resolve, reject) => {
        const socket = tls.connect({ port: h.port, host: '127.0.0.1', ca: roots, ALPNProtocols: ['h2'] }, () => {
          resolve(socket.getPeerCertificate().serialNumber);
          socket.destroy();
        });
        socket.on('error', reject);
      });
    const before = await serial();
    const renewed = certificate('server', ca);
    files.set('cert', renewed.certPem);
    await used.reload(); // The key does not fit yet: the old pair stays.
    expect(await serial()).toBe(before);
    files.set('key', renewed.keyPem);
    await used.reload();
    expect(await serial()).not.toBe(before);
  });

  test('plaintext on a TLS port is refused and harms nobody', async () => {
    const h = await start({}, { client: parseAddresses('https://127.0.0.1:0'), certificates: await certificates(false) });
    await expect(fetchText(`http://127.0.0.1:${h.port}/version`)).rejects.toThrow();
    await call(h.client({}, grpc.credentials.createSsl(roots)), get, request);
  });
});
