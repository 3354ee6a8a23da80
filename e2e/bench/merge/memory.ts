/**
 * What an object costs in memory, with and without merging: real objects of every kind, put once and updated once, history compacted, garbage collected. Two replicas in
 * one process, without network and disk, so that nothing but them is held: two equal runs differ by a few bytes. Run it without compilers (`--no-opt --no-sparkplug`): machine
 * code is counted, too.
 */
import { setImmediate as turn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { nodeClock } from '../../../datastore/host/node-clock.ts';
import { defaultMerging } from '../../../datastore/merge/merger.ts';
import { change } from '../../../datastore/merge/testing/changes.ts';
import { corpus } from '../../../datastore/merge/testing/corpus.ts';
import { decodeFrame } from '../../../datastore/replica/frame.ts';
import { Space } from '../../../datastore/replica/types.ts';
import { Machine } from '../../../datastore/store/machine.ts';
import { MemoryJournal } from '../../../datastore/testing/memory-journal.ts';

const BATCH = 100;
/** So many objects are there before anything counts: by then all code has been loaded. */
const WARM = 2_000;

/** Keeps nothing. */
class Nowhere extends MemoryJournal {
  override append(): Promise<void> {
    return Promise.resolve();
  }
}

class Pair {
  readonly #machines: readonly Machine[];
  readonly #frames: Uint8Array[] = [];

  constructor(merge: 'off' | 'field') {
    // Nothing happens by itself.
    const clock = { ...nodeClock, after: () => ({ cancel() {} }) };
    this.#machines = [1, 2].map((slot) => new Machine({
      clock, merging: merge === 'field' ? defaultMerging : null, onFrame: (frame) => void (slot === 1 && this.#frames.push(frame)),
      onFatal: (error) => {
        throw error;
      },
    }));
  }

  async start(): Promise<void> {
    for (const [i, { keyspace, replica }] of this.#machines.entries()) {
      replica.start(new Nowhere());
      const initialised = replica.initialise({ slot: i + 1, incarnation: i + 1, striding: true });
      if (keyspace.appliedRevision < replica.currentRevision) keyspace.advanced(replica.currentRevision);
      await initialised;
    }
    const members = this.#machines.map(({ replica }, i) => ({ slot: i + 1, log: replica.log }));
    for (const { replica } of this.#machines) replica.setMembers(members);
  }

  async write(objects: number, valueOf: (i: number) => Uint8Array): Promise<void> {
    const [a, b] = this.#machines as [Machine, Machine];
    for (let i = 0; i < objects; i += BATCH) {
      for (let j = i; j < Math.min(objects, i + BATCH); j++) a.replica.commit([{ space: Space.client, key: `/registry/k${j % 100}/bench/object-${j}`, value: valueOf(j), lease: 0n }]);
      await a.replica.flushed();
      for (const frame of this.#frames.splice(0)) b.replica.integrate(decodeFrame(frame));
      await b.replica.flushed();
      a.replica.reported(b.replica.report());
      b.replica.reported(a.replica.report());
    }
    for (const { keyspace, replica } of this.#machines) await replica.compact(keyspace.appliedRevision);
    for (const { keyspace } of this.#machines) await keyspace.physicallyCompacted(keyspace.appliedRevision);
    for (let i = 0; i < 1_000; i++) await turn();
  }

  /** Each object is put, and then updated. @returns what is held then */
  async wrote(objects: number, values: readonly { readonly first: Uint8Array; readonly second: Uint8Array }[]): Promise<number> {
    await this.write(objects, (i) => values[i % values.length]!.first);
    await this.write(objects, (i) => values[i % values.length]!.second);
    return held();
  }

  close(): void {
    for (const machine of this.#machines) machine.close();
  }
}

/** Bytes that both replicas together hold for each object, half of it: of one. */
export async function memory(merge: 'off' | 'field', objects: number): Promise<number> {
  const values = [...corpus().values()].map((first) => ({ first, second: Buffer.from(change(first, { 'metadata/generation': 2, 'metadata/annotations/seen': 'once' })) }));
  const pair = new Pair(merge);
  await pair.start();
  const before = await pair.wrote(WARM, values);
  const after = await pair.wrote(objects + WARM, values);
  pair.close();
  return (after - before) / objects / 2;
}

function held(): number {
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc') as () => void;
  // What the first frees may hold more.
  for (let i = 0; i < 4; i++) gc();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
