import { describe, expect, test } from '@jest/globals';
import type { Logger } from '../host/log.ts';
import { MemoryNames } from '../testing/memory-names.ts';
import { Discovery } from './discovery.ts';
import type { DiscoverySettings } from './discovery.ts';

function made(settings: Partial<DiscoverySettings>) {
  const names = new MemoryNames();
  const said: string[] = [];
  const say = (message: string, fields?: Readonly<Record<string, unknown>>): void => void said.push(`${message}${fields === undefined ? '' : `: ${String(fields['why'])}`}`);
  const log: Logger = { debug: say, info: say, warn: say, error: say, with: () => log };
  return { names, said, discovery: new Discovery({ urls: [], services: [], ...settings }, names, log) };
}

const srv = (host: string, port = 2380) => ({ host, port });

describe('where replicas may be', () => {
  test('a name stands for all addresses that it has at the moment', async () => {
    const { names, discovery } = made({ urls: ['https://est-headless:2380', 'http://10.1.1.1:2380'] });
    names.hosts.set('est-headless', ['10.0.0.1', '10.0.0.2']);
    expect(await discovery.find()).toEqual([
      { url: 'https://est-headless:2380', address: '10.0.0.1' }, { url: 'https://est-headless:2380', address: '10.0.0.2' }, { url: 'http://10.1.1.1:2380', address: '10.1.1.1' },
    ]);
    names.hosts.set('est-headless', ['10.0.0.2', '10.0.0.9']);
    expect((await discovery.find()).map(({ address }) => address)).toEqual(['10.0.0.2', '10.0.0.9', '10.1.1.1']);
  });

  test('what cannot be looked up keeps nothing else from being found, and is logged when it changes', async () => {
    const { names, said, discovery } = made({ urls: ['http://a:1', 'http://b:2'] });
    names.hosts.set('b', ['10.0.0.2']);
    for (let i = 0; i < 3; i++) expect(await discovery.find()).toEqual([{ url: 'http://b:2', address: '10.0.0.2' }]);
    expect(said).toEqual(['names of other replicas cannot be looked up: a: there is no such name']);
    names.hosts.set('a', ['10.0.0.1']);
    await discovery.find();
    expect(said.slice(1)).toEqual(['the names of other replicas can be looked up again']);
  });

  test('SRV records are found, too', async () => {
    const { names, discovery } = made({ services: [{ name: '_etcd-server-ssl._tcp.x', scheme: 'https' }, { name: '_etcd-server._tcp.x', scheme: 'http' }] });
    names.records.set('_etcd-server._tcp.x', [srv('a.x'), srv('b.x', 99)]);
    names.hosts.set('a.x', ['10.0.0.1', 'fd00::1']);
    expect(await discovery.find()).toEqual([{ url: 'http://a.x:2380', address: '10.0.0.1' }, { url: 'http://a.x:2380', address: 'fd00::1' }]);
  });
});

describe('the first replicas by SRV records', () => {
  const services = [{ name: '_s._tcp.x', scheme: 'https' as const }];

  test('have the first label of the target as their name', async () => {
    const { names, discovery } = made({ services });
    names.records.set('_s._tcp.x', [srv('est-1.h.x'), srv('est-0.h.x')]);
    expect(await discovery.members()).toEqual([{ name: 'est-0', url: 'https://est-0.h.x:2380' }, { name: 'est-1', url: 'https://est-1.h.x:2380' }]);
  });

  test('or all of it, if two records have the same first label', async () => {
    const { names, discovery } = made({ services });
    names.records.set('_s._tcp.x', [srv('etcd.b.x'), srv('etcd.a.x')]);
    expect((await discovery.members()).map(({ name }) => name)).toEqual(['etcd.a.x', 'etcd.b.x']);
  });

  test('are an error if there are none', async () => {
    await expect(made({ services }).discovery.members()).rejects.toThrow('SRV _s._tcp.x: there is no such name');
  });
});
