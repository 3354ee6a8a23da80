import { deepEqual, equal, match } from 'node:assert/strict';
import { test } from 'node:test';
import { Ledger } from './ledger.ts';
import { Meter, quantile } from './meter.ts';

test('a lost write, a value that came back and a key that nobody wrote are seen', () => {
  const ledger = new Ledger();
  for (const [key, value] of [['a', '1'], ['a', '2'], ['b', '1'], ['c', '1'], ['c', null]] as const) {
    ledger.ask(key, value);
    ledger.acknowledge(key, value);
  }
  deepEqual(ledger.compare(new Map([['a', '2'], ['b', '1']])), []);
  match(ledger.compare(new Map([['a', '1'], ['b', '1']]))[0] ?? '', /^a: 2 was acknowledged, found 1/);
  match(ledger.compare(new Map([['a', '2']]))[0] ?? '', /^b: 1 was acknowledged, found null/);
  match(ledger.compare(new Map([['a', '2'], ['b', '1'], ['c', '1']]))[0] ?? '', /^c: null was acknowledged, found 1/);
  match(ledger.compare(new Map([['a', '2'], ['b', '1'], ['d', '1']]))[0] ?? '', /^d: nobody wrote it/);
});

test('what was not answered may have happened or not, until the next answer', () => {
  const ledger = new Ledger();
  ledger.ask('a', '1');
  ledger.acknowledge('a', '1');
  ledger.ask('a', '2');
  for (const value of ['1', '2']) deepEqual(ledger.compare(new Map([['a', value]])), []);
  ledger.ask('a', '3');
  ledger.acknowledge('a', '3');
  equal(ledger.compare(new Map([['a', '2']])).length, 1);
});

test('the meter counts between two looks', () => {
  const meter = new Meter();
  for (let i = 1; i <= 100; i++) meter.write(i);
  meter.failed();
  const reading = meter.take();
  equal(reading.writes, 100);
  equal(reading.failures, 1);
  equal(reading.write_ms_p50, 51);
  equal(reading.write_ms_p99, 100);
  equal(meter.take().writes, 0);
  equal(quantile([], 0.5), 0);
});
