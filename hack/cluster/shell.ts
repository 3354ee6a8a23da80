/** Programs that run to their end. */
import { spawnSync } from 'node:child_process';

/** Runs it and returns what it printed. Throws, with what it said, if it fails. */
export function sh(command: string, ...args: string[]): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: 'utf8', maxBuffer: 64 * 2 ** 20 });
  if (error !== undefined) throw new Error(`${command}: ${error.message}`);
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: exit code ${status}\n${stderr}${stdout}`);
  return stdout;
}

/** Whether it succeeds. */
export const succeeds = (command: string, ...args: string[]): boolean => spawnSync(command, args, { stdio: 'ignore' }).status === 0;
