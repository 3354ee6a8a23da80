/**
 * Latency and throughput of appends on a real disk: `node datastore/journal/journal.bench.ts [folder] [seconds]`.
 * Leaves empty folders behind.
 * Also compares the two ways to make a write durable, in turns, on a file that is allocated already.
 */
import { nodeClock } from '../host/node-clock.ts';
import { nodeDisk } from '../host/node-disk.ts';
import { createHost } from '../host/node-host.ts';
import { silent } from '../host/log.ts';
import { openJournal } from './journal.ts';

const parent = process.argv[2] ?? '/tmp';
const seconds = Number(process.argv[3] ?? 3);
const dir = `${parent}/edgestore-bench-${process.pid}`;
await nodeDisk.makeDir(dir);

function report(name: string, latenciesMs: number[], more = ''): void {
  latenciesMs.sort((a, b) => a - b);
  const at = (share: number): string => (latenciesMs[Math.floor(latenciesMs.length * share)] ?? NaN).toFixed(3);
  process.stdout.write(`${name.padEnd(44)} p50 ${at(0.5)}  p90 ${at(0.9)}  p99 ${at(0.99)} ms  ${more}\n`);
}

async function compareSyncs(bytes: number): Promise<void> {
  const file = await nodeDisk.open(`${dir}/raw`, 'create');
  await file.write([new Uint8Array(16 << 20)], 0);
  await file.datasync();
  const record = new Uint8Array(bytes).fill(7);
  const two: number[] = [];
  const one: number[] = [];
  for (let i = 0, at = 0; i < 500; i++, at = (at + 2 * bytes) % (8 << 20)) {
    let begun = nodeClock.monotonicMs();
    await file.write([record], at);
    await file.datasync();
    two.push(nodeClock.monotonicMs() - begun);
    begun = nodeClock.monotonicMs();
    await file.writeDurable([record], at + bytes);
    one.push(nodeClock.monotonicMs() - begun);
  }
  await file.close();
  await nodeDisk.remove(`${dir}/raw`);
  report(`${bytes} B: write, then fdatasync`, two);
  report(`${bytes} B: one O_DSYNC write`, one);
}

async function appends(clients: number, bytes: number): Promise<void> {
  const fsyncs: number[] = [];
  let written = 0;
  const journal = await openJournal(createHost(), `${dir}/${clients}`, neverRead, {
    log: silent,
    makeSnapshot: async () => {
      throw new Error('not here');
    },
    observer: {
      fsync: (took, length) => {
        fsyncs.push(took * 1_000);
        written += length;
      },
      commit: () => {},
      snapshot: () => {},
    },
  });
  const latencies: number[] = [];
  const end = nodeClock.monotonicMs() + seconds * 1_000;
  const client = async (): Promise<void> => {
    const entry = new Uint8Array(bytes).fill(1);
    while (nodeClock.monotonicMs() < end) {
      const begun = nodeClock.monotonicMs();
      await journal.append([entry]);
      latencies.push(nodeClock.monotonicMs() - begun);
    }
  };
  const cpu = process.cpuUsage();
  await Promise.all(Array.from({ length: clients }, client));
  const { user, system } = process.cpuUsage(cpu);
  await journal.close();
  const rate = Math.round(latencies.length / seconds);
  const cost = ((user + system) / latencies.length).toFixed(1);
  report(`${clients} clients, ${bytes} B`, latencies, `${rate}/s, ${(written / seconds / 1e6).toFixed(1)} MB/s, ${fsyncs.length / seconds} writes/s, ${cost} µs CPU each`);
  report('    of which the disk', fsyncs);
}

const neverRead = {
  loadSnapshot: async () => {},
  applyEntry: () => {},
  encodeSnapshot: () => [],
};

for (const bytes of [400, 4_096, 100_000]) await compareSyncs(bytes);
for (const clients of [1, 10, 100, 1_000]) {
  await appends(clients, 400);
  for (const name of await nodeDisk.list(`${dir}/${clients}`)) await nodeDisk.remove(`${dir}/${clients}/${name}`);
}
