/**
 * A disk that the cluster has gone on without (an old copy, or evicted) is not thrown away: what stands in the folder is moved into a folder in
 * it, `aside-N`, and the replica starts with what is then an empty one. Nobody else could have seen what it holds beyond the others' knowledge.
 */
import { mkdir, readdir, rename } from 'node:fs/promises';
import { join } from 'node:path';

const NAME = /^aside-(\d+)$/;

/** Numbers of the folders that stand aside, ascending; empty if the folder is not there. */
async function numbers(dataDir: string): Promise<number[]> {
  const names = await readdir(dataDir).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  return names.flatMap((name) => NAME.exec(name)?.[1] ?? []).map(Number).sort((a, b) => a - b);
}

/** Has this replica had a disk before the present one? Then its cluster is not new, whatever it is told. */
export async function hasAside(dataDir: string): Promise<boolean> {
  return (await numbers(dataDir)).length > 0;
}

/** Moves everything aside. Nothing else may use the folder. @returns where it is now */
export async function setAside(dataDir: string): Promise<string> {
  const number = ((await numbers(dataDir)).at(-1) ?? 0) + 1;
  const aside = join(dataDir, `aside-${number}`);
  await mkdir(aside, { recursive: true });
  for (const name of await readdir(dataDir)) if (!NAME.test(name) && name !== 'lock') await rename(join(dataDir, name), join(aside, name));
  return aside;
}
