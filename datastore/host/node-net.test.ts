import { createConnection } from 'node:net';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { get } from 'node:http';
import { afterEach, describe, expect, test } from '@jest/globals';
import { limits } from '../limits.ts';
import { authority, member, renewed, stranger } from '../testing/certificates.ts';
import { ManualClock } from '../testing/manual-clock.ts';
import type { Link } from './host.ts';
import { nodeClock } from './node-clock.ts';
import { nodeNetwork } from './node-net.ts';
import type { NodeNetwork, TlsMaterial } from './node-net.ts';

const stops: (() => unknown)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

interface Pair {
  readonly dialled: Link;
  readonly accepted: Link;
  readonly url: string;
}

async function pair(server: NodeNetwork, client: NodeNetwork = server, scheme = 'http'): Promise<Pair> {
  let accept = (_link: Link): void => {};
  const accepted = new Promise<Link>((resolve) => (accept = resolve));
  const listener = await server.listen(`${scheme}://127.0.0.1:0`, (link) => accept(link));
  stops.push(() => listener.close());
  const dialled = await client.dial(listener.url);
  return { dialled, accepted: await accepted, url: listener.url };
}

const plain = (): NodeNetwork => nodeNetwork({ clock: nodeClock });
const secure = (tls: TlsMaterial): NodeNetwork => nodeNetwork({ clock: nodeClock, tls });
const received = (link: Link): Promise<Uint8Array> => new Promise((resolve) => (link.onMessage = resolve));
const closed = (link: Link): Promise<[number, string]> => new Promise((resolve) => (link.onClose = (code, reason) => resolve([code, reason])));
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString();

describe('links', () => {
  test.each(['http', 'https'])('carry whole messages both ways, in order (%s)', async (scheme) => {
    const tls = { ...member, ca: authority };
    const { dialled, accepted } = await pair(secure(tls), secure(tls), scheme);
    const got: string[] = [];
    const all = new Promise<void>((resolve) => {
      accepted.onMessage = (message) => void (got.push(text(message)) === 100 && resolve());
    });
    for (let i = 0; i < 100; i++) dialled.send(Buffer.from(`message ${i}`));
    await all;
    expect(got).toEqual(Array.from({ length: 100 }, (_, i) => `message ${i}`));
    const back = received(dialled);
    accepted.send(Buffer.from('back'));
    expect(text(await back)).toBe('back');
    expect(accepted.remote).toMatch(/^127\.0\.0\.1:\d+$/);
  });

  // The kernel refuses a broadcast address while connect() runs, as it does any address when the interface is down.
  test.each(['http', 'https'])('that cannot even be tried are refused, and end nothing (%s)', async (scheme) => {
    await expect(secure({ ca: authority }).dial(`${scheme}://peer.test:1`, '255.255.255.255')).rejects.toThrow(/EACCES|ENETUNREACH/);
  });

  test('what arrives before anyone listens is kept, and so is the end', async () => {
    const { dialled, accepted } = await pair(plain());
    dialled.send(Buffer.from('early'));
    dialled.send(Buffer.from('bird'));
    dialled.close(4_000, 'done');
    await closed(dialled);
    await new Promise((resolve) => setImmediate(resolve));
    const got: string[] = [];
    accepted.onMessage = (message) => void got.push(text(message));
    expect(got).toEqual(['early', 'bird']);
    expect(await closed(accepted)).toEqual([4_000, 'done']);
  });

  test('take the largest frame, unchanged; a larger message ends the link', async () => {
    const { dialled, accepted } = await pair(plain());
    const largest = Buffer.alloc(limits.frame_bytes, 'f');
    const arrival = received(accepted);
    dialled.send(largest);
    expect(dialled.bufferedBytes).toBeGreaterThan(0);
    expect(Buffer.compare(await arrival, largest)).toBe(0);
    expect(largest.every((byte) => byte === 'f'.charCodeAt(0))).toBe(true);
    const end = closed(accepted);
    dialled.send(Buffer.alloc(limits.frame_bytes + 1_000_000));
    expect((await end)[0]).toBe(1_006);
  });

  test('sending on a closed link is silent, closing twice harmless, a long reason cut', async () => {
    const { dialled, accepted } = await pair(plain());
    const end = closed(accepted);
    dialled.close(4_001, 'x'.repeat(500));
    dialled.close(4_001, 'again');
    expect(await end).toEqual([4_001, 'x'.repeat(123)]);
    await closed(dialled);
    dialled.send(Buffer.from('late'));
  });

  test('closing the listener ends its links and frees the port', async () => {
    const network = plain();
    const links: Link[] = [];
    const listener = await network.listen('http://127.0.0.1:0', (link) => void links.push(link));
    const dialled = await network.dial(listener.url);
    await listener.close();
    expect((await closed(dialled))[0]).toBe(1_006);
    const again = await network.listen(listener.url, () => {});
    await again.close();
  });
});

describe('what cannot be', () => {
  test('nobody there, or no such scheme', async () => {
    const listener = await plain().listen('http://127.0.0.1:0', () => {});
    await listener.close();
    await expect(plain().dial(listener.url)).rejects.toThrow('ECONNREFUSED');
    await expect(async () => plain().dial('ftp://127.0.0.1:1')).rejects.toThrow('http or https expected');
  });

  test('a port that is taken', async () => {
    const listener = await plain().listen('http://127.0.0.1:0', () => {});
    stops.push(() => listener.close());
    await expect(plain().listen(listener.url, () => {})).rejects.toMatchObject({ code: 'EADDRINUSE' });
  });

  test('someone there who never answers', async () => {
    const mute = createServer((socket) => void socket.resume().on('error', () => {}));
    await new Promise<void>((resolve) => mute.listen(0, '127.0.0.1', resolve));
    const network = nodeNetwork({ clock: nodeClock, dialTimeoutMs: 50 });
    await expect(network.dial(`http://127.0.0.1:${(mute.address() as AddressInfo).port}`)).rejects.toThrow('timed out');
    await new Promise((resolve) => mute.close(resolve));
  });

  test('an ordinary request is told what this port is', async () => {
    const listener = await plain().listen('http://127.0.0.1:0', () => {});
    stops.push(() => listener.close());
    const status = await new Promise((resolve) => get(listener.url, (answer) => resolve(answer.resume().statusCode)));
    expect(status).toBe(426);
  });
});

describe('TLS', () => {
  const trusted = { ...member, ca: authority };

  test('a server of an unknown authority is refused', async () => {
    await expect(pair(secure(stranger), secure(trusted), 'https')).rejects.toThrow();
  });

  test('with requireClientCert, peers without a certificate or with a strange one are refused', async () => {
    const server = secure({ ...trusted, requireClientCert: true });
    const { url } = await pair(server, secure(trusted), 'https');
    await expect(secure({ ca: authority }).dial(url)).rejects.toThrow();
    await expect(secure({ ...stranger, ca: authority }).dial(url)).rejects.toThrow();
  });

  test('plain WebSockets are not let in', async () => {
    const { url } = await pair(secure(trusted), secure(trusted), 'https');
    await expect(plain().dial(url.replace('https', 'http'))).rejects.toThrow();
  });

  test('new certificates serve new connections, standing ones stay', async () => {
    const server = secure({ ...stranger, requireClientCert: false });
    const client = secure(trusted);
    const listener = await server.listen('https://127.0.0.1:0', () => {});
    stops.push(() => listener.close());
    await expect(client.dial(listener.url)).rejects.toThrow();
    server.reloadTls({ ...member, ca: authority });
    const link = await client.dial(listener.url);
    let ended = false;
    link.onClose = () => (ended = true);
    server.reloadTls({ ...renewed, ca: authority });
    await client.dial(listener.url);
    expect(ended).toBe(false);
  });
});

describe('keepalive', () => {
  test('a link on which nothing arrives any more is closed after deadMs', async () => {
    const clock = new ManualClock();
    // A server that accepts the WebSocket and then neither reads nor answers.
    const { url } = await pair(plain());
    const proxied = createServer((socket) => {
      const upstream = createConnection(Number(new URL(url).port), '127.0.0.1');
      upstream.once('data', (upgrade) => socket.write(upgrade));
      socket.once('data', (request) => upstream.write(request));
      for (const end of [socket, upstream]) end.on('error', () => {});
      stops.push(() => (socket.destroy(), upstream.destroy()));
    });
    await new Promise<void>((resolve) => proxied.listen(0, '127.0.0.1', resolve));
    stops.push(() => new Promise((resolve) => proxied.close(resolve)));
    const link = await nodeNetwork({ clock }).dial(`http://127.0.0.1:${(proxied.address() as AddressInfo).port}`);
    let end: [number, string] | undefined;
    link.onClose = (code, reason) => (end = [code, reason]);
    clock.advance(9_000);
    expect(end).toBeUndefined();
    clock.advance(3_000);
    expect(end).toEqual([1_006, 'nothing heard from the peer']);
  });

  test('pings keep an idle link alive', async () => {
    const clock = new ManualClock();
    const { dialled } = await pair(plain(), nodeNetwork({ clock }));
    let ended = false;
    dialled.onClose = () => (ended = true);
    for (let i = 0; i < 20; i++) {
      clock.advance(3_000);
      // The pong comes back over a real socket.
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expect(ended).toBe(false);
  });
});
