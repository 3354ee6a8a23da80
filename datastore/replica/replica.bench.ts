/**
 * What a commit costs, and what overwrites leave behind. `node datastore/replica/replica.bench.ts [overwrites] [keys] [value bytes]`.
 * Run with --expose-gc for exact memory.
 */
import { LwwSink } from '../testing/lww-sink.ts';
import { MemoryJournal } from '../testing/memory-journal.ts';
import { decodeFrame } from './frame.ts';
import { Replica } from './replica.ts';

const [overwrites = 1_000_000, keys = 5_000, valueBytes = 256] = process.argv.slice(2).map(Number);
const BATCH = 100;
const clock = { wallMs: () => 0, monotonicMs: () => 0, soon: (fn: () => void) => void setImmediate(fn), after: () => ({ cancel() {} }) };
class NullJournal extends MemoryJournal {
  bytes = 0;
  override async append(entries: readonly Uint8Array[]): Promise<void> {
    for (const entry of entries) this.bytes += entry.length;
  }
}
const value = new Uint8Array(valueBytes).fill(7);
const journal = new NullJournal();
const make = (slot: number) => {
  const sink = new LwwSink();
  const replica = new Replica({ clock, sink, onFatal: (error) => console.error(error) });
  void replica.initialise({ slot, incarnation: slot + 1, striding: true });
  replica.start(journal);
  replica.setMembers([{ slot, log: replica.log }]);
  return { sink, replica };
};
const a = make(1);
const b = make(2);
let frameBytes = 0;
let integrateMs = 0;
const frames: Uint8Array[] = [];
a.replica.onFrame((frame) => frames.push(frame.bytes));

let commitMs = 0;
const memory = () => {
  (globalThis as { gc?: () => void }).gc?.();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return `heap ${(heapUsed / 2 ** 20).toFixed(0)} MiB, buffers ${(arrayBuffers / 2 ** 20).toFixed(0)} MiB`;
};
const started = performance.now();
for (let i = 0; i < overwrites; i += BATCH) {
  const before = performance.now();
  for (let j = 0; j < BATCH; j++) a.replica.commit([{ space: 0, key: `/registry/things/${(i + j) % keys}`, value, lease: 0n }]);
  commitMs += performance.now() - before;
  await a.replica.flushed();
  const middle = performance.now();
  for (const frame of frames.splice(0)) {
    frameBytes += frame.length;
    b.replica.integrate(decodeFrame(frame));
  }
  integrateMs += performance.now() - middle;
  if (i % (overwrites / 4) === 0) console.log(i, memory(), `structs ${a.replica.logs.get(a.replica.log)!.structs}`);
}
const totalMs = performance.now() - started;
await b.replica.flushed();
const log = a.replica.logs.get(a.replica.log)!;
console.log(`total ${((totalMs * 1000) / overwrites).toFixed(2)} µs a write with peer; commit call ${((commitMs * 1000) / overwrites).toFixed(2)} µs, integrate ${((integrateMs * 1000) / overwrites).toFixed(2)} µs`);
console.log(`records ${log.records}, segments ${log.segments.size}, structs ${log.structs}, moves ${a.sink.moves}; peer structs ${b.replica.logs.get(a.replica.log)!.structs}`);
console.log(`frames ${(frameBytes / overwrites).toFixed(0)} bytes a write, journal ${(journal.bytes / overwrites / 2).toFixed(0)}; ${memory()}`);
console.log(`same digests: ${a.replica.digests().get(log.log) === b.replica.digests().get(log.log)}`);
process.exit(0);
