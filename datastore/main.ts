#!/usr/bin/env node
/**
 * The program. It chooses the command; `serve` is what is meant when only flags are given, for that is how etcd is started.
 * Nothing else ends the process.
 */
import { ConfigError } from './config/errors.ts';
import { startProblem } from './admin/problem.ts';
import { configure } from './config/config.ts';
import { helpText } from './config/help.ts';
import { nearest } from './config/values.ts';
import { versionText } from './config/version.ts';
import { collectRarely } from './host/heap.ts';
import { readFileSync } from 'node:fs';
import { enableCompileCache } from 'node:module';
import { fileURLToPath } from 'node:url';

const commands = ['serve', 'dev', 'status', 'member', 'drain', 'conflicts', 'check', 'manifest', 'version', 'help'];

const print = (text: string): void => {
  process.stdout.write(`${text}\n`);
};

/** Runs the command to its end. Returns the exit code. */
async function run(args: readonly string[]): Promise<number> {
  const [first = 'serve'] = args;
  const command = first.startsWith('-') ? 'serve' : first;
  const rest = first.startsWith('-') || args.length === 0 ? args : args.slice(1);
  switch (command) {
    case 'serve':
      return serve(rest);
    case 'dev':
      return (await import('./admin/dev.ts')).dev(rest, fileURLToPath(import.meta.url), print);
    case 'status':
      return (await import('./admin/status.ts')).status(rest, process.env, print);
    case 'member':
      return (await import('./admin/member.ts')).member(rest, process.env, print);
    case 'drain':
      return (await import('./admin/drain.ts')).drain(rest, process.env, print);
    case 'conflicts':
      return (await import('./admin/conflicts.ts')).conflicts(rest, process.env, print);
    case 'check':
      return (await import('./admin/check.ts')).check(rest, process.env, print);
    case 'manifest':
      return (await import('./admin/manifest.ts')).manifest(rest, print);
    case 'version':
      print(versionText(process.version, `${process.platform}/${process.arch}`));
      return 0;
    case 'help':
      print(helpText());
      return 0;
    default: {
      const guess = nearest(command, commands);
      throw new ConfigError(`there is no command "${command}"${guess === undefined ? '' : `, did you mean "${guess}"?`} Commands: ${commands.join(', ')}`);
    }
  }
}

async function serve(args: readonly string[]): Promise<number> {
  const command = configure(args, process.env, (path) => readFileSync(path, 'utf8'));
  if (command.type !== 'serve') return run([command.type]);
  // Loaded late: `version` and `help` need none of it.
  const { serveReplica } = await import('./serve.ts');
  return serveReplica(command, (code) => process.exit(code));
}

// Node announces its experimental parts on stderr, into the log. Which ones are used is in docs/decisions.
process.removeAllListeners('warning');
process.on('warning', (warning) => {
  // DEP0123: a server that is named by its IP; the libraries that dial it set the name.
  if (warning.name !== 'ExperimentalWarning' && (warning as { code?: string }).code !== 'DEP0123') process.stderr.write(`${JSON.stringify({ level: 'warn', msg: 'warning of the runtime', warning: warning.message })}\n`);
});
collectRarely();
// What was stripped of its types and compiled once need not be again: a start takes less than half the processor time. Beside the packages, not in
// the system's folder for temporary files, where anybody could put code under the name. Where it cannot be written (an image), nothing is kept.
enableCompileCache(fileURLToPath(new URL('../node_modules/.cache/compile', import.meta.url)));
// A reader that went away (`| head`) is no failure.
process.stdout.on('error', () => process.exit(0));

// The timers of the host keep no process alive; who waits to ask for a place again has nothing else.
setInterval(() => {}, 2 ** 30);

try {
  process.exit(await run(process.argv.slice(2)));
} catch (error) {
  const known = error instanceof ConfigError || (error as { code?: string }).code?.startsWith('ERR_PARSE_ARGS') === true;
  const line = known ? (error as Error).message : startProblem(error);
  process.stderr.write(`edgestore: ${line ?? (error instanceof Error ? (error.stack ?? error.message) : String(error))}\n`);
  process.exit(1);
}
