import type { Clock, Disk } from '../host/host.ts';
import { journalPath, planRecovery, readFolder, snapshotPath } from './folder.ts';
import type { Folder } from './folder.ts';
import { DamagedError } from './errors.ts';
import { Magic } from './format.ts';
import type { FileHeader } from './format.ts';
import { Reader } from './reader.ts';
import { readFileHeader, scanFile } from './scan.ts';
import type { ScanResult } from './scan.ts';
import { Slicer } from './slicer.ts';
import { openSnapshot } from './snapshot-file.ts';
import type { StateMachine } from './types.ts';

export interface ReplayedFile extends ScanResult {
  readonly number: number;
  readonly header: FileHeader;
  readonly sizeBytes: number;
}

export interface Replay {
  readonly folder: Folder;
  /** 0: none. */
  readonly snapshot: number;
  readonly snapshotBytes: number;
  /** The journal files that were replayed, in order. Empty only in an empty folder. */
  readonly files: readonly ReplayedFile[];
  /** Sequence number of the next record. */
  readonly sequence: number;
}

/**
 * Brings `machine` to the state that the folder holds: the newest snapshot and all entries after it. Reads in windows and gives the
 * event loop its turns. Changes nothing on disk.
 * @param upToFile stop after this journal file, which is not the newest one. Default: everything, and the newest may have a torn tail.
 * @throws DamagedError, NewerVersionError, or what the machine throws
 */
export async function replay(host: { disk: Disk; clock: Clock }, dir: string, machine: StateMachine, upToFile?: number): Promise<Replay> {
  const { disk } = host;
  const slicer = new Slicer(host.clock);
  const folder = await readFolder(disk, dir);
  const plan = planRecovery(dir, folder);
  let sequence: number | undefined;
  let snapshotBytes = 0;
  if (plan.snapshot > 0) {
    const snapshot = await loadSnapshot(disk, snapshotPath(dir, plan.snapshot), plan.snapshot, machine);
    sequence = snapshot.sequence;
    snapshotBytes = snapshot.bytes;
  }
  const files: ReplayedFile[] = [];
  for (const number of plan.journals) {
    if (upToFile !== undefined && number > upToFile) break;
    const isNewest = upToFile === undefined && number === plan.journals.at(-1);
    const file = await replayFile(disk, journalPath(dir, number), number, sequence, isNewest, slicer, machine);
    sequence = file.sequence;
    files.push(file);
  }
  return { folder, snapshot: plan.snapshot, snapshotBytes, files, sequence: sequence ?? 1 };
}

async function loadSnapshot(disk: Disk, path: string, number: number, machine: StateMachine): Promise<{ sequence: number; bytes: number }> {
  const snapshot = await openSnapshot(disk, path, number);
  try {
    let complete = false;
    const chunks = snapshot.chunks();
    await machine.loadSnapshot(
      (async function* () {
        yield* chunks;
        complete = true;
      })(),
    );
    // The end says whether the snapshot is whole: a machine that stopped early would miss that.
    if (!complete) throw new Error(`${path}: the snapshot was not read to its end`);
    return { sequence: snapshot.header.sequence, bytes: snapshot.bytes };
  } finally {
    await snapshot.close();
  }
}

async function replayFile(
  disk: Disk, path: string, number: number, sequence: number | undefined, isNewest: boolean, slicer: Slicer, machine: StateMachine,
): Promise<ReplayedFile> {
  const file = await disk.open(path, 'read');
  try {
    const reader = new Reader(file, await file.size());
    const header = await readFileHeader(reader, path, Magic.journal, number);
    if (header.sequence !== (sequence ?? 1)) {
      throw new DamagedError(path, 0, `the file begins with record ${header.sequence}, but what comes before ends before record ${sequence ?? 1}`);
    }
    const result = await scanFile(reader, path, header, isNewest, slicer, (entry, offset) => {
      try {
        machine.applyEntry(entry);
      } catch (error) {
        throw new Error(`${path}: the entry at offset ${offset} cannot be applied: ${(error as Error).message}`, { cause: error });
      }
    });
    return { ...result, number, header, sizeBytes: reader.size };
  } finally {
    await file.close();
  }
}
