import { expect, test } from '@jest/globals';
import type { Link } from '../host/host.ts';
import { MemoryNet } from './memory-net.ts';
import type { Path } from './memory-net.ts';
import { SimClock } from './sim-clock.ts';
import { SimRandom } from './sim-random.ts';

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const bytes = (s: string) => new TextEncoder().encode(s);

async function pair(defaults: Partial<Path> = {}) {
  const clock = new SimClock();
  const net = new MemoryNet({ clock, random: new SimRandom(1), defaults });
  const events: string[] = [];
  const watch = (name: string, link: Link): Link => {
    link.onMessage = (m) => events.push(`${name} ${text(m)}`);
    link.onClose = (code) => events.push(`${name} closed ${code}`);
    return link;
  };
  let b!: Link;
  await net.machine('b').listen('http://b', (link) => (b = watch('b', link)));
  const a = watch('a', await clock.wait(net.machine('a').dial('http://b'), 1_000));
  return { clock, net, a, b, events };
}

test('messages arrive in order, both ways', async () => {
  const { clock, a, b, events } = await pair({ delayMs: 5, jitterMs: 20 });
  for (let i = 0; i < 5; i++) a.send(bytes(`m${i}`));
  b.send(bytes('back'));
  await clock.run(100);
  expect(events.filter((e) => e.startsWith('b'))).toEqual(['b m0', 'b m1', 'b m2', 'b m3', 'b m4']);
  expect(events).toContain('a back');
});

test('a dial to nobody is refused, into a cut it times out', async () => {
  const { clock, net } = await pair();
  await expect(clock.wait(net.machine('a').dial('http://c'), 1_000)).rejects.toThrow('refused');
  net.cutOneWay('b', 'a');
  await expect(clock.wait(net.machine('a').dial('http://b'), 10_000)).rejects.toThrow('timed out');
});

test('a cut holds messages back until it heals', async () => {
  const { clock, net, a, b, events } = await pair();
  net.cutOneWay('a', 'b');
  a.send(bytes('late'));
  b.send(bytes('through'));
  await clock.run(1_000);
  expect(events).toEqual(['a through']);
  expect(a.bufferedBytes).toBe(4);
  net.heal('a', 'b');
  await clock.run(10);
  expect(events).toEqual(['a through', 'b late']);
  expect(a.bufferedBytes).toBe(0);
});

test('a break loses what is under way and tells both ends', async () => {
  const { clock, net, a, events } = await pair({ delayMs: 10 });
  a.send(bytes('lost'));
  await clock.run(5);
  net.breakLinks('a', 'b');
  await clock.run(100);
  expect(events.sort()).toEqual(['a closed 1006', 'b closed 1006']);
});

test('close follows what was sent', async () => {
  const { clock, net, a, events } = await pair();
  a.send(bytes('last'));
  a.close(4001, 'why');
  a.send(bytes('too late'));
  await clock.run(100);
  expect(events).toEqual(['b last', 'b closed 4001', 'a closed 4001']);
  expect(net.linksBetween('a', 'b')).toBe(0);
});

test('a slow direction buffers', async () => {
  const { clock, a, events } = await pair({ bytesPerMs: 1, jitterMs: 0 });
  a.send(new Uint8Array(100));
  a.send(new Uint8Array(100));
  expect(a.bufferedBytes).toBe(200);
  await clock.run(102);
  expect(a.bufferedBytes).toBe(100);
  expect(events).toHaveLength(1);
  await clock.run(100);
  expect(events).toHaveLength(2);
});

test('a silent crash tells nobody', async () => {
  const { clock, net, events } = await pair();
  net.crash('b', 'silent');
  await clock.run(10_000);
  expect(events).toEqual([]);
});
