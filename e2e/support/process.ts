/** Programs that a test starts: each is stopped by its own pid, and none outlives the test run. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync, statSync } from 'node:fs';
import { constants } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';

/** How a program ended: its code, or the signal that ended it. */
export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface ProgramOptions {
  /** For messages. */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  /** Standard output and error are appended here; over several starts, too. */
  readonly logFile: string;
  /** Added to this process's own environment. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

const running = new Set<Program>();

function killAll(): void {
  for (const program of running) program.kill();
}

// A test that throws, or is interrupted, must leave no server behind: 'exit' handlers run in both cases.
process.on('exit', killAll);
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(signal, () => process.exit(128 + constants.signals[signal]));
}

/** A program under test's control. It may be started again after it ended. */
export class Program {
  readonly name: string;
  readonly logFile: string;
  private readonly options: ProgramOptions;
  private child: ChildProcess | undefined;
  private exitPromise: Promise<Exit> | undefined;
  private exit: Exit | undefined;
  /** Where the present start's part of the log begins, in bytes. */
  private logStart = 0;

  constructor(options: ProgramOptions) {
    this.options = options;
    this.name = options.name;
    this.logFile = options.logFile;
  }

  /** Starts it. Whether it is ready is for `waitForLine` to say. Throws if it already runs. */
  start(): void {
    if (this.running) throw new Error(`${this.name} runs already, pid ${this.pid}`);
    this.logStart = existsSync(this.logFile) ? statSync(this.logFile).size : 0;
    // The program writes into the file itself: what it logs costs the test's event loop nothing.
    const log = openSync(this.logFile, 'a');
    const child = spawn(this.options.command, this.options.args, {
      stdio: ['ignore', log, log],
      env: { ...process.env, ...this.options.env },
      ...(this.options.cwd === undefined ? {} : { cwd: this.options.cwd }),
    });
    closeSync(log);
    this.child = child;
    this.exit = undefined;
    running.add(this);
    this.exitPromise = new Promise((resolve) => {
      const ended = (exit: Exit): void => {
        this.exit = exit;
        running.delete(this);
        resolve(exit);
      };
      child.once('exit', (code, signal) => ended({ code, signal }));
      child.once('error', () => ended({ code: 127, signal: null }));
    });
  }

  get pid(): number | undefined {
    return this.child?.pid;
  }

  get running(): boolean {
    return this.child !== undefined && this.exit === undefined;
  }

  /** Resolves when it ends. Throws if it was never started. */
  wait(): Promise<Exit> {
    if (this.exitPromise === undefined) throw new Error(`${this.name} was never started`);
    return this.exitPromise;
  }

  /** Sends a signal; nothing happens if it has ended. SIGSTOP and SIGCONT make a frozen process. */
  signal(signal: NodeJS.Signals): void {
    if (this.running) this.child?.kill(signal);
  }

  /** SIGTERM, and SIGKILL if it has not ended after `grace_ms`. */
  async stop(grace_ms = 10_000): Promise<Exit | undefined> {
    if (!this.running) return this.exit;
    this.signal('SIGTERM');
    const alarm = new AbortController();
    const late = sleep(grace_ms, true, { signal: alarm.signal }).catch(() => false);
    const exited = await Promise.race([this.wait().then(() => true), late.then(() => false)]);
    alarm.abort();
    if (!exited) this.kill();
    return this.wait();
  }

  /** kill -9, as a power failure would look to the program's peers. Await `wait()` before starting it again. */
  kill(): void {
    this.signal('SIGKILL');
  }

  /** What it printed since its last start. */
  log(): string {
    if (!existsSync(this.logFile)) return '';
    return readFileSync(this.logFile).subarray(this.logStart).toString('utf8');
  }

  /** Waits for `text` in what it printed since its last start. Throws, with the log's end, when it ends or time is up. */
  async waitForLine(text: string | RegExp, timeout_ms = 30_000): Promise<string> {
    const deadline = Date.now() + timeout_ms;
    for (;;) {
      const ended = !this.running;
      const found = this.log().split('\n').find((line) => (typeof text === 'string' ? line.includes(text) : text.test(line)));
      if (found !== undefined) return found;
      if (ended) throw new Error(`${this.name} ended (${JSON.stringify(this.exit)}) before it printed ${text}:\n${this.tail()}`);
      if (Date.now() > deadline) throw new Error(`${this.name} did not print ${text} in ${timeout_ms} ms:\n${this.tail()}`);
      await sleep(25);
    }
  }

  /** The log's last lines, for messages. */
  tail(lines = 20): string {
    return this.log().trimEnd().split('\n').slice(-lines).join('\n');
  }
}

export interface RunResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end, at most `timeout_ms` (then it is killed and this throws). Does not throw on a non-zero exit. */
export async function run(
  command: string,
  args: readonly string[],
  options: { readonly timeout_ms?: number; readonly env?: Readonly<Record<string, string>>; readonly cwd?: string; readonly input?: string } = {},
): Promise<RunResult> {
  const timeout_ms = options.timeout_ms ?? 60_000;
  const child = spawn(command, args, {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, ...options.env },
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
  child.stdin.on('error', () => undefined); // it may end without having read its input
  child.stdin.end(options.input ?? '');
  let late = false;
  const timer = setTimeout(() => { late = true; child.kill('SIGKILL'); }, timeout_ms);
  const onExit = (): boolean => child.kill('SIGKILL');
  process.on('exit', onExit);
  try {
    const code = await new Promise<number>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (exitCode, signal) => resolve(exitCode ?? 128 + (signal === null ? 0 : constants.signals[signal])));
    });
    const result = { code, stdout: Buffer.concat(stdout).toString('utf8'), stderr: Buffer.concat(stderr).toString('utf8') };
    if (late) throw new Error(`${command} ${args.join(' ')}: no end after ${timeout_ms} ms:\n${result.stdout}${result.stderr}`);
    return result;
  } finally {
    clearTimeout(timer);
    process.off('exit', onExit);
  }
}
