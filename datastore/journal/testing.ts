/** What the journal's tests share. */
import type { Clock, Host } from '../host/host.ts';
import { silent } from '../host/log.ts';
import { MemoryDisk } from '../testing/memory-disk.ts';
import type { MemoryDiskOptions } from '../testing/memory-disk.ts';
import { SimRandom } from '../testing/sim-random.ts';
import { buildSnapshot } from './build-snapshot.ts';
import type { JournalSizes } from './journal-file.ts';
import { openJournal } from './journal.ts';
import type { JournalOptions } from './journal.ts';
import type { Journal, StateMachine } from './types.ts';

/** The simplest state there is: the list of all entries, as text. */
export class ListMachine implements StateMachine {
  readonly list: string[] = [];

  async loadSnapshot(chunks: AsyncIterable<Uint8Array>): Promise<void> {
    if (this.list.length > 0) throw new Error('loadSnapshot after an entry');
    for await (const chunk of chunks) this.list.push(Buffer.from(chunk).toString('latin1'));
  }

  applyEntry(entry: Uint8Array): void {
    this.list.push(Buffer.from(entry).toString('latin1'));
  }

  *encodeSnapshot(): Iterable<Uint8Array> {
    for (const text of this.list) yield Buffer.from(text, 'latin1');
  }
}

/** Small, so that a short test sees files grow. */
export const smallSizes: Partial<JournalSizes> = {
  firstStepBytes: 8_192,
  stepBytes: 16_384,
  sliceBytes: 4_096,
  reserveBytes: 8_192,
  batchBytes: 4_096,
};

/** Time that stands still, with timers that fire when told to. */
export class StillClock implements Clock {
  readonly #timers = new Set<() => void>();
  wallMs = (): number => 0;
  monotonicMs = (): number => 0;
  soon = (fn: () => void): void => void setImmediate(fn);
  after(_delayMs: number, fn: () => void): { cancel(): void } {
    this.#timers.add(fn);
    return { cancel: () => void this.#timers.delete(fn) };
  }

  fire(): void {
    for (const fn of [...this.#timers]) {
      this.#timers.delete(fn);
      fn();
    }
  }
}

export interface World {
  readonly disk: MemoryDisk;
  readonly clock: StillClock;
  readonly host: Host;
  /** Opens the journal in folder `d`. `machine` then holds what was recovered. */
  open(options?: Partial<JournalOptions>): Promise<{ journal: Journal; machine: ListMachine }>;
  /** What a start would recover now. */
  recovered(): Promise<string[]>;
}

export function makeWorld(seed: number, diskOptions: Omit<MemoryDiskOptions, 'random'> = {}): World {
  const random = new SimRandom(seed);
  const disk = new MemoryDisk({ random: random.fork('disk'), ...diskOptions });
  const clock = new StillClock();
  const host: Host = { disk, clock, random, net: undefined as never, names: undefined as never };
  const open = async (options: Partial<JournalOptions> = {}): Promise<{ journal: Journal; machine: ListMachine }> => {
    const machine = new ListMachine();
    const journal = await openJournal(host, 'd', machine, {
      log: silent,
      makeSnapshot: async (job, signal) => void (await buildSnapshot(host, job, new ListMachine(), signal)),
      ...options,
      sizes: { ...smallSizes, ...options.sizes },
    });
    return { journal, machine };
  };
  return {
    disk,
    clock,
    host,
    open,
    async recovered() {
      const { journal, machine } = await open();
      await journal.close();
      return machine.list;
    },
  };
}

export const entry = (text: string): Uint8Array => Buffer.from(text, 'latin1');

/** Lets everything happen that needs no timer: the disk in memory answers within a turn. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
}
