/** etcd's own load generator, module go.etcd.io/etcd/v3, tools/benchmark. */
import { run } from '../support/process.ts';
import { tool } from '../tools/tools.ts';
import type { Case } from './cases.ts';

/** What one run of `benchmark` found. */
export interface Measurement {
  readonly ops_per_s: number;
  readonly p50_ms: number;
  readonly p99_ms: number;
}

/** The key that range cases read; written before them. */
export const RANGE_KEY = 'bench-range-key';
const TIMEOUT_MS = 300_000;

function operationArgs(measured: Case, total: number): string[] {
  const rate = measured.rate_per_s === undefined ? [] : ['--rate', String(measured.rate_per_s)];
  switch (measured.op) {
    case 'put':
      // Sequential keys over a key space of their number: every put makes a key, none overwrites.
      return ['put', '--sequential-keys', '--key-space-size', String(total), '--val-size', String(measured.value_bytes), '--total', String(total), ...rate];
    case 'range':
      return ['range', RANGE_KEY, '--consistency', 'l', '--total', String(total), ...rate];
    case 'range-serializable':
      return ['range', RANGE_KEY, '--consistency', 's', '--total', String(total)];
    case 'watch':
      return ['watch', '--streams', '10', '--watch-per-stream', '100', '--watched-key-total', '1', '--put-rate', '0', '--put-total', String(total)];
    case 'watch-latency':
      return ['watch-latency', '--streams', '10', '--watchers-per-stream', '100', '--put-rate', '200', '--put-total', String(total), '--val-size', String(measured.value_bytes)];
  }
}

/** Runs one case with `total` operations against `endpoints`. Throws if any operation failed: its figures would mean nothing. */
export async function benchmark(endpoints: readonly string[], measured: Case, total: number): Promise<Measurement> {
  const args = ['--endpoints', endpoints.join(','), '--precise', '--conns', String(measured.conns), '--clients', String(measured.clients)];
  const result = await run(tool('benchmark'), [...args, ...operationArgs(measured, total)], { timeout_ms: TIMEOUT_MS });
  const tail = `${result.stdout}\n${result.stderr.split('\n').slice(-5).join('\n')}`;
  if (result.code !== 0) throw new Error(`benchmark ${measured.id} exited ${result.code}:\n${tail}`);
  if (result.stdout.includes('Error distribution')) throw new Error(`benchmark ${measured.id}: operations failed:\n${tail}`);
  // The watch commands print a summary for each phase; the events are the last.
  const summary = result.stdout.slice(result.stdout.lastIndexOf('Summary:'));
  const figure = (pattern: RegExp): number => {
    const text = pattern.exec(summary)?.[1];
    if (text === undefined) throw new Error(`benchmark ${measured.id} printed no ${pattern.source}:\n${tail}`);
    return Number(text);
  };
  return {
    ops_per_s: figure(/Requests\/sec:\s+([\d.e+-]+)/),
    p50_ms: figure(/50% in ([\d.e+-]+) secs/) * 1_000,
    p99_ms: figure(/99% in ([\d.e+-]+) secs/) * 1_000,
  };
}
