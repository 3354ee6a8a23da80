/** Against a real DNS server on the loopback. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { DnsServer } from '../testing/dns-server.ts';
import type { Clock, Link } from './host.ts';
import { nodeClock } from './node-clock.ts';
import { nodeNetwork } from './node-net.ts';
import { nodeResolver } from './node-resolver.ts';

let dns: DnsServer;
beforeAll(async () => {
  dns = await DnsServer.start();
});
afterAll(() => dns.stop());
const resolver = () => nodeResolver(nodeClock, [dns.address]);

describe('names by DNS', () => {
  test('addresses of both kinds, as they are now', async () => {
    dns.hosts.set('headless.test', ['10.0.0.2', '10.0.0.1', 'fd00::1:2']);
    expect(await resolver().addresses('headless.test')).toEqual(['10.0.0.1', '10.0.0.2', 'fd00::1:2']);
    dns.hosts.set('headless.test', ['10.0.0.9']);
    expect(await resolver().addresses('headless.test')).toEqual(['10.0.0.9']);
  });

  test('an address is its own answer, and nobody is asked', async () => {
    const before = dns.questions;
    expect(await resolver().addresses('10.1.2.3')).toEqual(['10.1.2.3']);
    expect(await resolver().addresses('fd00::1')).toEqual(['fd00::1']);
    expect(dns.questions).toBe(before);
  });

  test('SRV records', async () => {
    dns.services.set('_etcd-server._tcp.test', [{ host: 'b.test', port: 2380 }, { host: 'a.test', port: 2381 }]);
    expect(await resolver().services('_etcd-server._tcp.test')).toEqual([{ host: 'a.test', port: 2381 }, { host: 'b.test', port: 2380 }]);
  });

  test('what is not there is said in plain words', async () => {
    await expect(resolver().addresses('nowhere.test')).rejects.toThrow('nowhere.test: there is no such name');
    await expect(resolver().services('_x._tcp.test')).rejects.toThrow('SRV _x._tcp.test: there is no such name');
    dns.hosts.set('empty.test', []);
    await expect(resolver().addresses('empty.test')).rejects.toThrow('empty.test: the name has no such records');
  });

  test('a server that is silent is asked once for a name, however many want it, and waited for only so long', async () => {
    dns.silent = true;
    // Time flies for those who wait; the question itself stays under way.
    const hasty: Clock = { ...nodeClock, after: (_ms, fn) => nodeClock.after(20, fn) };
    const names = nodeResolver(hasty, [dns.address]);
    const before = dns.questions;
    for (let i = 0; i < 3; i++) await expect(names.services('_silent._tcp.test')).rejects.toThrow('SRV _silent._tcp.test: the DNS server does not answer');
    expect(dns.questions - before).toBe(1);
    // The question is asked a second time, and answered: nothing is left behind.
    dns.silent = false;
    while (dns.questions - before < 2) await new Promise((resolve) => setTimeout(resolve, 20));
    await new Promise((resolve) => setTimeout(resolve, 20));
  });
});

test('a dial goes by the name as it is now, and of several addresses each attempt begins with another', async () => {
  const network = nodeNetwork({ clock: nodeClock, names: resolver() });
  const listeners = await Promise.all(['127.0.0.1', '127.0.0.2'].map(async (host, i) => {
    const met: Link[] = [];
    // Both on one port, as the pods of a StatefulSet.
    return { host, met, listener: i === 0 ? await network.listen(`http://${host}:0`, (link) => met.push(link)) : null };
  }));
  const port = new URL(listeners[0]!.listener!.url).port;
  const second = await network.listen(`http://127.0.0.2:${port}`, (link) => listeners[1]!.met.push(link));
  dns.hosts.set('pods.test', ['127.0.0.1', '127.0.0.2']);
  for (let i = 0; i < 4; i++) (await network.dial(`http://pods.test:${port}`)).close(1000, '');
  expect(listeners.map(({ met }) => met.length)).toEqual([2, 2]);
  // One has gone: the other is reached all the same.
  await second.close();
  for (let i = 0; i < 2; i++) (await network.dial(`http://pods.test:${port}`)).close(1000, '');
  expect(listeners.map(({ met }) => met.length)).toEqual([4, 2]);
  // A certain one of them.
  await expect(network.dial(`http://pods.test:${port}`, '127.0.0.2')).rejects.toThrow('ECONNREFUSED');
  (await network.dial(`http://pods.test:${port}`, '127.0.0.1')).close(1000, '');
  await expect(network.dial(`http://gone.test:${port}`)).rejects.toThrow('gone.test: there is no such name');
  await listeners[0]!.listener!.close();
});
