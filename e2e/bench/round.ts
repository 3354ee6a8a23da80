/** One round: one system, one setup, a fresh cluster, all cases one after the other. */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { edgestoreCluster } from '../support/edgestore.ts';
import { etcdCluster } from '../support/etcd.ts';
import type { Cluster } from '../support/member.ts';
import { run } from '../support/process.ts';
import { TempDir } from '../support/temp.ts';
import { tool } from '../tools/tools.ts';
import { RANGE_KEY, benchmark } from './benchmark.ts';
import type { Measurement } from './benchmark.ts';
import { CURVE, operations, WARM_UP } from './cases.ts';
import type { Case, Setup } from './cases.ts';

export type System = 'etcd' | 'edgestore';

/** One case in one round. */
export interface Sample extends Measurement {
  readonly system: System;
  readonly setup: Setup;
  readonly measured: Case;
  /** Most resident memory of any member so far in this round. */
  readonly rss_mib: number;
}

/** Runs `cases` against a cluster of its own, which is gone afterwards: first those that want it cold. */
export async function runRound(system: System, setup: Setup, cases: readonly Case[], scale: number, onSample: (sample: Sample) => void): Promise<void> {
  await using dir = TempDir.create('bench');
  const options = { dir, members: setup.members, ...(setup.peerDelay_ms === undefined ? {} : { peerDelay_ms: setup.peerDelay_ms }) };
  await using cluster = await (system === 'etcd' ? etcdCluster(options) : edgestoreCluster(options));
  await cluster.start();
  const endpoints = setup.clientsAt === 'all' ? cluster.endpoints : cluster.endpoints.slice(-1);
  let warm = false;
  for (const measured of [...cases.filter(({ cold }) => cold === true), ...cases.filter(({ cold }) => cold !== true)]) {
    if (measured.cold !== true && !warm) {
      // Both get the same: Node compiles its hot paths meanwhile, etcd grows its files. A server's first seconds are not its life.
      for (const before of WARM_UP) await benchmark(endpoints, before, operations(setup, before, 1));
      await writeRangeKey(cluster, endpoints);
      warm = true;
    }
    const measurement = await benchmark(endpoints, measured, operations(setup, measured, scale));
    onSample({ system, setup, measured, ...measurement, rss_mib: Math.max(...cluster.members.map((member) => peakRss_mib(member.pid))) });
    // The next case must not pay for what this one left to do (replication, compaction of files, garbage).
    await sleep(1_000);
  }
}

/** p50 of one client's puts, in milliseconds, window after window from the start of a fresh server on. */
export async function runCurve(system: System, setup: Setup): Promise<number[]> {
  await using dir = TempDir.create('bench');
  await using cluster = await (system === 'etcd' ? etcdCluster : edgestoreCluster)({ dir, members: setup.members });
  await cluster.start();
  const windows: number[] = [];
  for (let i = 0; i < CURVE.windows; i++) windows.push((await benchmark(cluster.endpoints, CURVE.measured, CURVE.measured.total)).p50_ms);
  return windows;
}

/** Writes the key that range cases read and waits until every endpoint has it. */
async function writeRangeKey(cluster: Cluster, endpoints: readonly string[]): Promise<void> {
  const etcdctl = (endpoint: string, ...args: string[]): Promise<{ readonly stdout: string; readonly code: number; readonly stderr: string }> =>
    run(tool('etcdctl'), ['--endpoints', endpoint, ...args]);
  const put = await etcdctl(cluster.endpoints[0] ?? '', 'put', RANGE_KEY, 'v'.repeat(256));
  if (put.code !== 0) throw new Error(`etcdctl put: ${put.stderr}`);
  for (const endpoint of endpoints) {
    const deadline = Date.now() + 30_000;
    while (!(await etcdctl(endpoint, 'get', RANGE_KEY)).stdout.includes(RANGE_KEY)) {
      if (Date.now() > deadline) throw new Error(`${endpoint} has no ${RANGE_KEY} after 30 s`);
      await sleep(100);
    }
  }
}

function peakRss_mib(pid: number | undefined): number {
  if (pid === undefined || process.platform !== 'linux') return 0;
  const kib = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? '0';
  return Number(kib) / 1_024;
}
