/** Reads through the Service by etcd's own `benchmark`, in runs of a few seconds: each has a new connection, so that new replicas get their share. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { tool } from '../../tools/tools.ts';

const RUN_S = 4;

export class Readers {
  private readonly url: string;
  private readonly range: readonly [string, string];
  private readonly loops: { stop: boolean; child?: ChildProcess; done: Promise<void> }[] = [];
  failedRuns = 0;

  constructor(url: string, range: readonly [string, string]) {
    this.url = url;
    this.range = range;
  }

  /** Goes on with `count` readers, each of at most `rate` reads a second. */
  async set(count: number, rate: number): Promise<void> {
    while (this.loops.length < count) {
      const loop: (typeof this.loops)[number] = { stop: false, done: Promise.resolve() };
      loop.done = this.read(loop, rate);
      this.loops.push(loop);
    }
    const surplus = this.loops.splice(count);
    for (const loop of surplus) {
      loop.stop = true;
      loop.child?.kill('SIGKILL');
    }
    await Promise.all(surplus.map((loop) => loop.done));
  }

  private async read(loop: { stop: boolean; child?: ChildProcess }, rate: number): Promise<void> {
    const args = ['--endpoints', this.url.replace('http://', ''), '--conns', '1', '--clients', '2', 'range', ...this.range, '--rate', String(rate), '--total', String(rate * RUN_S)];
    while (!loop.stop) {
      const child = spawn(tool('benchmark'), args, { stdio: 'ignore' });
      loop.child = child;
      // A replica that goes away under a run leaves it retrying: cut short, the next run finds another.
      const timer = setTimeout(() => child.kill('SIGKILL'), 3 * RUN_S * 1000);
      const code = await new Promise((resolve) => {
        child.once('error', () => resolve(-1));
        child.once('exit', resolve);
      });
      clearTimeout(timer);
      if (code !== 0 && !loop.stop) {
        this.failedRuns++;
        await sleep(300);
      }
    }
  }
}
