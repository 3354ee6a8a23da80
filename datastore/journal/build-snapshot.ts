import type { Clock, Disk } from '../host/host.ts';
import { journalPath, snapshotPath, temporaryPath } from './folder.ts';
import { replay } from './replay.ts';
import { Slicer } from './slicer.ts';
import { openSnapshot, writeSnapshot } from './snapshot-file.ts';
import type { StateMachine } from './types.ts';

/** What is to be done, in a form that can be sent to a worker. */
export interface SnapshotJob {
  readonly dir: string;
  /** The last journal file that the snapshot covers; a newer one exists. */
  readonly upToFile: number;
}

/**
 * Makes the snapshot of everything up to and including a journal file, from the files alone, in `machine`, which must be empty. On stable
 * storage under its name when this resolves. Meant for a process of its own: `encodeSnapshot` may block as long as it likes there.
 * @param signal stops it between chunks; what was written is removed at the next start.
 * @returns the snapshot's size in bytes
 * @throws DamagedError, NewerVersionError, what the machine throws, or the disk's error
 */
export async function buildSnapshot(
  host: { disk: Disk; clock: Clock }, job: SnapshotJob, machine: StateMachine, signal?: AbortSignal,
): Promise<number> {
  const { disk } = host;
  const { dir, upToFile } = job;
  const path = snapshotPath(dir, upToFile);
  const { sequence, files } = await replay(host, dir, machine, upToFile);
  const last = files.at(-1);
  if (last?.number !== upToFile) throw new Error(`${journalPath(dir, upToFile)} is not there to be made a snapshot of`);
  const slicer = new Slicer(host.clock);
  const header = { salt: last.header.salt, number: upToFile, sequence };
  const bytes = await writeSnapshot(disk, dir, header, machine.encodeSnapshot(), async () => {
    signal?.throwIfAborted();
    if (slicer.due) await slicer.pause();
  });
  // The files that it replaces will be removed on the strength of it: read it once as a start would.
  const written = await openSnapshot(disk, temporaryPath(path), upToFile);
  try {
    for await (const _ of written.chunks()) signal?.throwIfAborted();
  } finally {
    await written.close();
  }
  await disk.rename(temporaryPath(path), path);
  await disk.syncDir(dir);
  return bytes;
}
