import { readFile, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { DatabaseSync } from 'node:sqlite';

/** Another process (or another part of this one) holds the lock. */
export class LockedError extends Error {
  constructor(path: string, holder: string) {
    super(`${path} is held by ${holder}: two processes must never use one data folder`);
    this.name = 'LockedError';
  }
}

/** SQLite's SQLITE_BUSY. */
const BUSY = 5;
/** Locks of this process. The reference also keeps the garbage collector from closing them. */
const held = new Set<DatabaseSync>();

/**
 * An exclusive lock on `path` that dies with the process, kill -9 included.
 *
 * Node offers neither flock nor fcntl. Its SQLite does: a transaction begun with BEGIN IMMEDIATE holds a POSIX record lock on the
 * database file and writes nothing. So the kernel keeps the lock: nothing goes stale, nothing is guessed from process ids, and it holds
 * between containers (other pid and network namespaces) that share a volume, and on NFS 4.
 *
 * Weakness: as with every POSIX record lock, it is lost if something else *in this process* opens and closes the very same
 * file; nobody does. A network file system without locks gives no protection (StatefulSets mount a volume once).
 *
 * `path`.holder names the holder for people; nothing is decided by it.
 */
export async function lockPath(path: string): Promise<{ unlock(): Promise<void> }> {
  const database = new DatabaseSync(path);
  try {
    database.exec('PRAGMA busy_timeout = 0');
    database.exec('BEGIN IMMEDIATE');
  } catch (error) {
    database.close();
    if ((error as { errcode?: number }).errcode !== BUSY) throw error;
    throw new LockedError(path, await holder(path));
  }
  held.add(database);
  await writeFile(`${path}.holder`, `process ${process.pid} on ${hostname()}\n`, { mode: 0o600 });
  return {
    async unlock() {
      if (held.delete(database)) database.close();
    },
  };
}

async function holder(path: string): Promise<string> {
  try {
    const text = (await readFile(`${path}.holder`, 'utf8')).trim();
    return text === '' ? 'another process' : text;
  } catch {
    return 'another process';
  }
}
