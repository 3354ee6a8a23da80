/** Processes by pid files: a pid alone is not enough, for it may belong to another process by now. */
import { existsSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

export interface ProcessId {
  readonly pid: number;
  /** In clock ticks since the machine started, from /proc/PID/stat. */
  readonly started: string;
}

/** Fields after the command's name in /proc/PID/stat (the name may hold anything, but it ends with the last parenthesis). */
function stat(pid: number): string[] | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return text.slice(text.lastIndexOf(')') + 2).split(' ');
  } catch {
    return undefined;
  }
}

/** Which process `pid` is; undefined if there is none, or only a dead one that nobody has waited for. */
export function identify(pid: number): ProcessId | undefined {
  const fields = stat(pid);
  const started = fields?.[19];
  return started === undefined || fields?.[0] === 'Z' ? undefined : { pid, started };
}

export const isAlive = ({ pid, started }: ProcessId): boolean => identify(pid)?.started === started;

/** The processes that `parent` started and has not seen end. */
export const childrenOf = (parent: number): number[] =>
  readdirSync('/proc').filter((name) => /^\d+$/.test(name) && stat(Number(name))?.[1] === String(parent)).map(Number);

export function writePid(file: string, pid: number): void {
  const id = identify(pid);
  if (id === undefined) throw new Error(`process ${pid} has ended already`);
  writeFileSync(file, JSON.stringify(id));
}

/** Who the file names, if it still runs. A file that names nobody is removed. */
export function readPid(file: string): ProcessId | undefined {
  if (!existsSync(file)) return undefined;
  const id = JSON.parse(readFileSync(file, 'utf8')) as ProcessId;
  if (isAlive(id)) return id;
  rmSync(file, { force: true });
  return undefined;
}

/** Signals exactly that process, waits for its end; after `grace_ms` SIGKILL. */
export async function end(id: ProcessId, signal: NodeJS.Signals, grace_ms: number): Promise<void> {
  const send = (which: NodeJS.Signals): void => {
    try {
      if (isAlive(id)) process.kill(id.pid, which);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  };
  send(signal);
  const deadline = Date.now() + grace_ms;
  while (isAlive(id)) {
    if (Date.now() > deadline) send('SIGKILL');
    if (Date.now() > deadline + 30_000) throw new Error(`process ${id.pid} does not end`);
    await sleep(50);
  }
}
