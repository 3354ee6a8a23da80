/** What keeps a data folder from being opened. A person has to look: nothing is repaired or dropped silently. */

/** The files contradict what the journal wrote: a disk lost or changed bytes, or somebody removed or mixed up files. */
export class DamagedError extends Error {
  readonly file: string;
  readonly offset: number;
  constructor(file: string, offset: number, what: string) {
    super(
      `${file} is damaged at offset ${offset}: ${what}. ` +
        'Acknowledged writes may be in the damaged part, so this folder is not opened. Restore the folder from a copy of the disk, ' +
        'or, if other replicas hold the data, move the folder away and let this replica join again with an empty one.',
    );
    this.name = 'DamagedError';
    this.file = file;
    this.offset = offset;
  }
}

/** Written by a newer EdgeStore, in a format that this one does not know. */
export class NewerVersionError extends Error {
  constructor(file: string, offset: number, version: number, known: number) {
    super(
      `${file} was written by a newer version of EdgeStore (format ${version} at offset ${offset}; this version knows up to ${known}). ` +
        'Run that version, or a later one.',
    );
    this.name = 'NewerVersionError';
  }
}

/** The disk is full, or this user's share of it. */
export function isFull(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  return code === 'ENOSPC' || code === 'EDQUOT';
}
