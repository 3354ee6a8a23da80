import type { Disk } from '../host/host.ts';
import { DamagedError } from './errors.ts';

/** What stands in a data folder. Numbers ascend. */
export interface Folder {
  readonly journals: readonly number[];
  readonly snapshots: readonly number[];
  /** Names of files that were not finished. */
  readonly temporary: readonly string[];
}

const pad = (number: number): string => String(number).padStart(16, '0');

export const journalPath = (dir: string, number: number): string => `${dir}/${pad(number)}.journal`;
export const snapshotPath = (dir: string, number: number): string => `${dir}/${pad(number)}.snapshot`;
/** A file gets its real name when its content is on stable storage. So a file with its real name is never half of one. */
export const temporaryPath = (path: string): string => `${path}.tmp`;

export async function readFolder(disk: Disk, dir: string): Promise<Folder> {
  const names = await disk.list(dir);
  const numbers = (pattern: RegExp): number[] =>
    names.flatMap((name) => pattern.exec(name)?.[1] ?? []).map(Number).sort((a, b) => a - b);
  return {
    journals: numbers(/^(\d{16})\.journal$/),
    snapshots: numbers(/^(\d{16})\.snapshot$/),
    temporary: names.filter((name) => /^\d{16}\.(journal|snapshot)\.tmp$/.test(name)),
  };
}

/** What is to be recovered: the newest snapshot (0: none) and the journal files after it. */
export interface Plan {
  readonly snapshot: number;
  readonly journals: readonly number[];
}

/**
 * Snapshot S goes with the journal files S+1, S+2, … without a gap; S+1 was there before S was begun.
 * @throws DamagedError if one is missing. An empty folder gives an empty plan.
 */
export function planRecovery(dir: string, folder: Folder): Plan {
  const snapshot = folder.snapshots.at(-1) ?? 0;
  const journals = folder.journals.filter((number) => number > snapshot);
  const last = journals.at(-1) ?? (snapshot === 0 ? 0 : snapshot + 1);
  for (let number = snapshot + 1, i = 0; number <= last; number++, i++) {
    if (journals[i] !== number) throw new DamagedError(journalPath(dir, number), 0, `the file is missing (snapshot ${snapshot}, newest file ${last})`);
  }
  return { snapshot, journals };
}
