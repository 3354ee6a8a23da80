import { describe, expect, test } from '@jest/globals';
import { ManualClock } from '../testing/manual-clock.ts';
import { AutoCompaction } from './auto-compaction.ts';

/** A store whose revision goes up by one a second, and what it keeps over restarts. */
class Growing {
  readonly clock = new ManualClock();
  visibleRevision = 1;
  compactedRevision = -1;
  body: Uint8Array | undefined;
  saves = 0;
  #running: AutoCompaction | null = null;

  start(mode: 'periodic' | 'revision', retention: number): void {
    this.#running = new AutoCompaction(this.clock, this, { mode, retention }, {
      load: () => this.body,
      save: (body) => {
        this.saves++;
        this.body = body;
        return Promise.resolve();
      },
    }, (error) => {
      throw error;
    });
    this.#running.run();
  }

  stop(): void {
    this.#running?.stop();
  }

  async pass(seconds: number, writing = true): Promise<void> {
    for (let i = 0; i < seconds; i++) {
      if (writing) this.visibleRevision++;
      this.clock.advance(1_000);
      await this.clock.settle();
    }
  }

  revisionBefore(count: number): number {
    return Math.max(0, this.visibleRevision - count);
  }

  compactTo(revision: number): Promise<void> {
    this.compactedRevision = revision;
    return Promise.resolve();
  }
}

describe('compaction by age', () => {
  test('keeps the retention, and a tenth of it more at most', async () => {
    const store = new Growing();
    store.start('periodic', 100_000);
    await store.pass(99);
    expect(store.compactedRevision).toBe(-1);
    await store.pass(500);
    expect(store.compactedRevision).toBeGreaterThanOrEqual(600 - 112);
    expect(store.compactedRevision).toBeLessThanOrEqual(600 - 100);
    store.stop();
  });

  test('goes on over restarts that come more often than the retention lasts', async () => {
    const store = new Growing();
    for (let life = 0; life < 30; life++) {
      store.start('periodic', 100_000);
      await store.pass(15);
      store.stop();
    }
    expect(store.compactedRevision).toBeGreaterThan(450 - 135);
    expect(store.compactedRevision).toBeLessThanOrEqual(450 - 100);
  });

  test('writes nothing down while nothing changes', async () => {
    const store = new Growing();
    store.start('periodic', 100_000);
    await store.pass(50);
    const { saves } = store;
    await store.pass(500, false);
    expect(store.saves).toBeLessThanOrEqual(saves + 1);
    expect(store.compactedRevision).toBe(store.visibleRevision);
    store.stop();
  });
});

test('compaction by count keeps so many revisions', async () => {
  const store = new Growing();
  store.start('revision', 100);
  await store.pass(601);
  expect(store.compactedRevision).toBeGreaterThan(400);
  store.stop();
});
