import { expect, test } from '@jest/globals';
import type { Level } from './log.ts';
import { jsonLog } from './node-log.ts';
import type { JsonLog } from './node-log.ts';
import { ManualClock } from '../testing/manual-clock.ts';

function capture(level?: Level): { log: JsonLog; lines: Record<string, unknown>[]; raw: string[] } {
  const raw: string[] = [];
  const lines: Record<string, unknown>[] = [];
  const write = (line: string): void => {
    raw.push(line);
    lines.push(JSON.parse(line) as Record<string, unknown>);
  };
  return { log: jsonLog({ clock: new ManualClock(), write, ...(level === undefined ? {} : { level }) }), lines, raw };
}

test('a line is a JSON object with level, ts and msg first', () => {
  const { log, raw } = capture();
  log.info('ready to serve', { port: 2379 });
  expect(raw).toEqual(['{"level":"info","ts":"2023-11-14T22:13:20.000Z","msg":"ready to serve","port":2379}\n']);
});

test('the level filters, and can be changed for all that were made from it', () => {
  const { log, lines } = capture('warn');
  const child = log.with({ part: 'journal' });
  child.info('no');
  child.warn('yes');
  log.setLevel('debug');
  child.debug('now too');
  expect(lines).toMatchObject([{ msg: 'yes', part: 'journal' }, { msg: 'now too', level: 'debug' }]);
});

test('fields of all kinds are legible, and none is lost to a clash or breaks the line', () => {
  const { log, lines } = capture();
  const cycle: Record<string, unknown> = {};
  cycle.self = cycle;
  log.with({ a: 1 }).error('many', {
    a: 2, big: 2n ** 60n, bytes: new Uint8Array(3), map: new Map([['k', 1n]]), set: new Set([1]), level: 'mine',
    error: new Error('outer', { cause: new Error('inner') }), none: undefined,
  });
  log.error('round', { cycle });
  expect(lines[0]).toMatchObject({
    a: 2, big: '1152921504606846976', bytes: '3 bytes', map: { k: '1' }, set: [1], level: 'error', level_: 'mine', error: 'outer: inner',
  });
  expect(lines[1]).toMatchObject({ msg: 'round', unloggable: expect.stringContaining('circular') });
});
