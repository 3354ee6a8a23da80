/** Writes at one replica, one request after the other, for as long as the replica is there. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Rpc } from '../../robustness/shared/rpc.ts';
import type { Ledger } from './ledger.ts';
import type { Meter } from './meter.ts';

const KEYS = 20;
/** One request in so many deletes. */
const DELETE_EVERY = 9;

export class Writer {
  readonly prefix: string;
  private readonly rpc: Rpc;
  private readonly ledger: Ledger;
  private readonly meter: Meter;
  private readonly pause_ms: number;
  private stopped = false;
  private paused = false;
  /** A request is under way. */
  private asking = false;
  private serial = 0;
  private done: Promise<void> = Promise.resolve();

  /** `prefix`: of its keys, which nobody else writes. `run`: makes its values differ from those of an earlier writer of the same keys. */
  constructor(url: string, prefix: string, run: string, ledger: Ledger, meter: Meter, pause_ms: number) {
    this.prefix = `${prefix}${run}`;
    this.rpc = new Rpc(url);
    this.ledger = ledger;
    this.meter = meter;
    this.pause_ms = pause_ms;
    this.done = this.loop(prefix, run);
  }

  /** Lets the request under way end. */
  async stop(): Promise<void> {
    this.stopped = true;
    await this.done;
    this.rpc.close();
  }

  /** Asks nothing more until `resume`; returns when the request under way has ended. */
  async pause(): Promise<void> {
    this.paused = true;
    while (this.asking) await sleep(10);
  }

  resume(): void {
    this.paused = false;
  }

  private async loop(prefix: string, run: string): Promise<void> {
    while (!this.stopped) {
      if (this.paused) {
        await sleep(20);
        continue;
      }
      const n = this.serial++;
      const key = `${prefix}${String(n % KEYS).padStart(2, '0')}`;
      const value = n % DELETE_EVERY === DELETE_EVERY - 1 ? null : `${run}.${n}`;
      const from = performance.now();
      this.ledger.ask(key, value);
      this.asking = true;
      try {
        await (value === null ? this.rpc.delete(key) : this.rpc.put(key, value));
        this.ledger.acknowledge(key, value);
        this.meter.write(performance.now() - from);
        this.asking = false;
        await sleep(this.pause_ms);
      } catch {
        this.ledger.noAnswer();
        this.meter.failed();
        this.asking = false;
        await sleep(200);
      }
    }
  }
}
