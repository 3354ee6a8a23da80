/** Reads through the Service, by etcd's own `benchmark`: clients that keep their connections for as long as they may. And one client that counts what fails. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { Rpc } from '../../robustness/shared/rpc.ts';
import { tool } from '../../tools/tools.ts';

/** Of each program. */
const CONNECTIONS = 16;
/** More than a run asks for. */
const TOTAL = 100_000_000;

export class Readers {
  private readonly url: string;
  private readonly range: readonly [string, string];
  private readonly loops: { stop: boolean; child?: ChildProcess; done: Promise<void> }[] = [];

  constructor(url: string, range: readonly [string, string]) {
    this.url = url;
    this.range = range;
  }

  get count(): number {
    return this.loops.length;
  }

  /** Goes on with `count` programs, each of at most `rate` reads a second. */
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
    const args = ['--endpoints', this.url.replace('http://', ''), '--conns', `${CONNECTIONS}`, '--clients', `${CONNECTIONS}`, 'range', ...this.range, '--rate', `${rate}`, '--total', `${TOTAL}`];
    while (!loop.stop) {
      const child = spawn(tool('benchmark'), args, { stdio: 'ignore' });
      loop.child = child;
      await new Promise((resolve) => {
        child.once('error', resolve);
        child.once('exit', resolve);
      });
      if (!loop.stop) await sleep(300);
    }
  }
}

/** Reads one key again and again on a connection of its own, one request after the other. */
export class SteadyReader {
  answers = 0;
  readonly failures: string[] = [];
  private stopped = false;
  private readonly done: Promise<void>;

  constructor(url: string, key: string, pause_ms: number) {
    this.done = this.loop(url, key, pause_ms);
  }

  async stop(): Promise<void> {
    this.stopped = true;
    await this.done;
  }

  private async loop(url: string, key: string, pause_ms: number): Promise<void> {
    const rpc = new Rpc(url);
    while (!this.stopped) {
      try {
        const { kvs } = await rpc.range(key, '');
        if (kvs.length === 1) this.answers++;
        else this.failures.push(`${key} was not found`);
      } catch (error) {
        this.failures.push(String(error));
      }
      await sleep(pause_ms);
    }
    rpc.close();
  }
}
