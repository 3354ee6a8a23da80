/** For tests: records without a document, and a clock that runs nothing by itself. */
import { Writer } from '../../bytes.ts';
import { infoOf } from '../../replica/record.ts';
import type { Context, LogId, Record, RecordWrite, Write } from '../../replica/types.ts';
import { Space } from '../../replica/types.ts';

export class TestRecord implements Record {
  readonly lamport: number;
  readonly log: LogId;
  readonly originRevision: number;
  bytes: Uint8Array;
  writes: RecordWrite[];
  live = 0;
  readonly #context: Context;

  constructor(lamport: number, log: LogId, writes: readonly Write[], context: Context = new Map(), originRevision = 0) {
    this.lamport = lamport;
    this.log = log;
    this.originRevision = originRevision;
    this.#context = new Map([...context, [log, lamport]]);
    const w = new Writer();
    this.writes = writes.map((write) => {
      const valueOffset = w.length;
      if (write.value !== null) w.raw(write.value);
      const plain = { space: write.space, key: write.key, lease: write.lease, valueOffset, valueLength: write.value === null ? -1 : write.value.length };
      if (write.info === undefined && write.merged !== true) return plain;
      if (write.info !== undefined) w.bytes(write.info);
      return { ...plain, hasInfo: write.info !== undefined, merged: write.merged === true };
    });
    this.bytes = w.take();
  }

  context(): Context {
    return this.#context;
  }

  /** The same stamp in other bytes, with the writes that `keep` chooses. */
  copy(keep: (write: RecordWrite) => boolean = () => true): TestRecord {
    const writes = this.writes.filter(keep).map((write) => ({
      space: write.space,
      key: write.key,
      lease: write.lease,
      value: write.valueLength < 0 ? null : this.bytes.slice(write.valueOffset, write.valueOffset + write.valueLength),
      ...(infoOf(this, write) === null ? {} : { info: infoOf(this, write)! }),
      ...(write.merged === true ? { merged: true } : {}),
    }));
    return new TestRecord(this.lamport, this.log, writes, this.#context, this.originRevision);
  }
}

export const text = (value: string): Uint8Array => new Uint8Array(Buffer.from(value));

export const put = (key: string, value: string, lease = 0n): Write => ({ space: Space.client, key, value: text(value), lease });
export const del = (key: string): Write => ({ space: Space.client, key, value: null, lease: 0n });
export const system = (key: string, value: string | null): Write => ({ space: Space.system, key, value: value === null ? null : text(value), lease: 0n });

/** Runs what was put off when `run` is called; its time stands still unless `stepMs` passes at each look. */
export class TestClock {
  #queue: (() => void)[] = [];
  #now = 0;
  stepMs = 0;

  soon(fn: () => void): void {
    this.#queue.push(fn);
  }
  monotonicMs(): number {
    return (this.#now += this.stepMs);
  }
  /** @returns how many slices ran */
  run(): number {
    let ran = 0;
    for (; this.#queue.length > 0; ran++) this.#queue.shift()!();
    return ran;
  }
}

/** A small generator of random numbers whose seed repeats it (mulberry32). */
export function random(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}
