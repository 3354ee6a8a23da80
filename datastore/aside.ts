/**
 * A disk that the cluster has gone on without (an old copy, or evicted) is not thrown away: what stands in the folder is moved into a folder in
 * it, `aside-N`, and the replica starts with what is then an empty one. Nobody else could have seen what it holds beyond the others' knowledge.
 *
 * Moving takes many steps, and the process may die between any two. So a mark stands in the new folder until all has been moved: whoever starts next
 * finishes the move before it reads anything. Half a data folder must never be taken for a whole one.
 */
import { join } from 'node:path';
import type { Disk } from './host/host.ts';

const NAME = /^aside-(\d+)$/;
const MOVING = 'moving';
/** Peer URLs of those who were members then, each with a line feed. */
const MEMBERS = 'members';
const MEMBERS_BYTES = 1_048_576;

/** Numbers of the folders that stand aside, ascending; empty if the folder is not there. */
async function numbers(disk: Disk, dataDir: string): Promise<number[]> {
  if (!(await disk.exists(dataDir))) return [];
  return (await disk.list(dataDir)).flatMap((name) => NAME.exec(name)?.[1] ?? []).map(Number).sort((a, b) => a - b);
}

const folderOf = (dataDir: string, number: number): string => join(dataDir, `aside-${number}`);

/** Folders that stand aside, oldest first. */
export async function asides(disk: Disk, dataDir: string): Promise<string[]> {
  return (await numbers(disk, dataDir)).map((number) => folderOf(dataDir, number));
}

/**
 * Has this replica had a disk before the present one? Then its cluster is not new, whatever it is told. Finishes a move that was under way. Nothing
 * else may use the folder.
 */
export async function hasAside(disk: Disk, dataDir: string): Promise<boolean> {
  const last = (await numbers(disk, dataDir)).at(-1);
  if (last === undefined) return false;
  if (await disk.exists(join(folderOf(dataDir, last), MOVING))) await move(disk, dataDir, folderOf(dataDir, last));
  return true;
}

/**
 * Moves everything aside. Nothing else may use the folder.
 * @param members peer URLs of the others, as far as the disk knew them: those that the replica was told at its first start may all be gone
 * @returns where it is now
 */
export async function setAside(disk: Disk, dataDir: string, members: readonly string[]): Promise<string> {
  const aside = folderOf(dataDir, ((await numbers(disk, dataDir)).at(-1) ?? 0) + 1);
  await disk.makeDir(aside);
  await remember(disk, join(aside, MEMBERS), members);
  await mark(disk, aside, MOVING);
  await disk.syncDir(dataDir);
  await move(disk, dataDir, aside);
  return aside;
}

/** Peer URLs of those who were members when a disk of this replica was set aside, the newest first. */
export async function membersThen(disk: Disk, dataDir: string): Promise<string[]> {
  const urls: string[] = [];
  for (const folder of (await asides(disk, dataDir)).reverse()) {
    const path = join(folder, MEMBERS);
    if (!(await disk.exists(path))) continue;
    const file = await disk.open(path, 'read');
    try {
      // What stands behind the last line feed is not all there.
      urls.push(...Buffer.from(await file.read(0, MEMBERS_BYTES)).toString().split('\n').slice(0, -1).filter((url) => URL.canParse(url)));
    } finally {
      await file.close();
    }
  }
  return [...new Set(urls)];
}

/** On a full disk without: it must go aside all the same. */
async function remember(disk: Disk, path: string, members: readonly string[]): Promise<void> {
  const file = await disk.open(path, 'create');
  try {
    await file.writeDurable([Buffer.from(members.map((url) => `${url}\n`).join(''))], 0);
  } catch (error) {
    if ((error as { code?: unknown }).code !== 'ENOSPC') throw error;
  } finally {
    await file.close();
  }
}

/** Puts an empty file there, durably. */
export async function mark(disk: Disk, folder: string, name: string): Promise<void> {
  const file = await disk.open(join(folder, name), 'create');
  await file.close();
  await disk.syncDir(folder);
}

async function move(disk: Disk, dataDir: string, aside: string): Promise<void> {
  for (const name of await disk.list(dataDir)) if (!NAME.test(name) && name !== 'lock') await disk.rename(join(dataDir, name), join(aside, name));
  await disk.syncDir(aside);
  await disk.syncDir(dataDir);
  await disk.remove(join(aside, MOVING));
  await disk.syncDir(aside);
}
