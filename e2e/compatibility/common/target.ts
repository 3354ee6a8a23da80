/** The bin directory that the suite is given: an `etcd` that may be EdgeStore, and etcd's own `etcdctl` and `etcdutl`. */
import { chmodSync, existsSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { etcdLauncher } from '../../support/etcd.ts';
import { edgestoreLauncher } from '../../support/edgestore.ts';
import type { Launcher } from '../../support/member.ts';
import type { TempDir } from '../../support/temp.ts';
import { tool } from '../../tools/tools.ts';

export type TargetName = 'etcd' | 'edgestore';

/** A program under test, wrapped so that the suite starts it as `etcd`. */
export interface Target {
  readonly name: TargetName;
  readonly binDir: string;
  /** Kills what a crashed test binary left running, each by its pid. */
  killLeftovers(): void;
}

function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** Writes the wrapper. `exec` keeps the pid that the suite knows and signals. */
export function makeTarget(name: TargetName, dir: TempDir): Target {
  const launcher: Launcher = name === 'etcd' ? etcdLauncher() : edgestoreLauncher();
  const binDir = dir.mkdir(`bin-${name}`);
  const pidFile = `${binDir}/pids`;
  const command = [launcher.command, ...launcher.args].map(quote).join(' ');
  writeFileSync(`${binDir}/etcd`, `#!/bin/sh\necho $$ >>${quote(pidFile)}\nexec ${command} "$@"\n`);
  chmodSync(`${binDir}/etcd`, 0o755);
  for (const binary of ['etcdctl', 'etcdutl']) symlinkSync(tool(binary), `${binDir}/${binary}`);
  const target = { name, binDir, killLeftovers: (): void => killLeftovers(pidFile, launcher.args[0] ?? launcher.command) };
  // A run that is interrupted must not leave servers on the suite's ports: the next run would fail all over.
  process.on('exit', target.killLeftovers);
  return target;
}

function killLeftovers(pidFile: string, marker: string): void {
  if (!existsSync(pidFile)) return;
  for (const pid of readFileSync(pidFile, 'utf8').split('\n').filter((line) => line !== '')) {
    try {
      // A pid may have been given to somebody else meanwhile: only what is still our program is ended.
      if (readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(marker)) process.kill(Number(pid), 'SIGKILL');
    } catch {
      // It has ended, as it should have.
    }
  }
  writeFileSync(pidFile, '');
}
