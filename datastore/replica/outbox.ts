/** Own updates on their way to the peers, once they are durable here. */
import { limits } from '../limits.ts';
import { encodeFrame, FrameKind } from './frame.ts';
import type { Report } from './frame.ts';
import type { LogUpdate } from './log-doc.ts';
import type { Vector } from './vector.ts';

/** An own frame, given out once it is durable here. */
export interface OwnFrame {
  readonly bytes: Uint8Array;
  /** The own log's clock after it. */
  readonly clock: number;
  /** Transactions in it. */
  readonly records: number;
}

/** Own updates of one group, and the transactions in each. */
export interface Sent {
  readonly updates: LogUpdate[];
  readonly records: number[];
}

export class Outbox {
  readonly #listeners = new Set<(frame: OwnFrame) => void>();

  /** Calls `fn` with every own frame from now on, in order. @returns a function that ends it */
  onFrame(fn: (frame: OwnFrame) => void): () => void {
    this.#listeners.add(fn);
    return () => void this.#listeners.delete(fn);
  }

  /** In as many frames as the size demands; each depends on what was held when its updates were made. */
  send({ updates, records }: Sent, dependencies: Vector, report: Report): void {
    if (this.#listeners.size === 0) return;
    for (let at = 0; at < updates.length; ) {
      const part: LogUpdate[] = [];
      let size = 0;
      let count = 0;
      for (; at < updates.length && (part.length === 0 || size + updates[at]!.update.length <= limits.frame_bytes / 2); at++) {
        part.push(updates[at]!);
        size += updates[at]!.update.length;
        count += records[at]!;
      }
      const { log, toClock: clock, lamport } = part.at(-1)!;
      const upTo = new Map(dependencies).set(log, { clock, lamport });
      const bytes = encodeFrame({ kind: FrameKind.push, sender: log, dependencies: upTo, updates: part, newest: report.newest, retired: new Map(), digests: new Map(), reports: [report] });
      for (const fn of this.#listeners) fn({ bytes, clock, records: count });
    }
  }
}
