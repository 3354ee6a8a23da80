/** The cgroups that the kubelet puts pods under. They outlive the processes in them, so somebody must remove them. */
import { existsSync, mkdirSync, readFileSync, readdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const ROOT = '/sys/fs/cgroup';
const isV2 = (): boolean => existsSync(join(ROOT, 'cgroup.controllers'));

/** With version 1, all pods together compete with every single process of the root group, 1024 shares each: a busy machine would starve them. */
const CPU_SHARES = 16 * 1024;

/** One for each hierarchy with version 1, one with version 2. */
const hierarchies = (): string[] => (isV2() ? [ROOT] : readdirSync(ROOT).map((name) => join(ROOT, name)).filter((path) => existsSync(join(path, 'cgroup.procs'))));

/** Makes `cgroup` (a path like /name) in every hierarchy: the kubelet wants its root to be there. */
export function makeCgroups(cgroup: string): void {
  for (const hierarchy of hierarchies()) {
    const path = join(hierarchy, cgroup);
    mkdirSync(path, { recursive: true });
    // A new cpuset of version 1 has no processors and no memory, and nothing can run in it.
    for (const file of ['cpuset.cpus', 'cpuset.mems']) {
      if (!isV2() && existsSync(join(path, file))) writeFileSync(join(path, file), readFileSync(join(hierarchy, file)));
    }
    if (existsSync(join(path, 'cpu.shares'))) writeFileSync(join(path, 'cpu.shares'), String(CPU_SHARES));
    if (isV2()) {
      const controllers = readFileSync(join(hierarchy, 'cgroup.controllers'), 'utf8').trim().split(' ').filter((name) => name !== '');
      for (const target of [hierarchy, path]) writeFileSync(join(target, 'cgroup.subtree_control'), controllers.map((name) => `+${name}`).join(' '));
    }
  }
}

function removeTree(path: string): void {
  for (const entry of readdirSync(path, { withFileTypes: true })) if (entry.isDirectory()) removeTree(join(path, entry.name));
  rmdirSync(path);
}

/** Removes it everywhere. Processes that have just been killed keep a cgroup for a moment: it tries for ten seconds. */
export async function removeCgroups(cgroup: string): Promise<void> {
  const deadline = Date.now() + 10_000;
  for (const hierarchy of hierarchies()) {
    const path = join(hierarchy, cgroup);
    while (existsSync(path)) {
      try {
        removeTree(path);
      } catch (error) {
        if (Date.now() > deadline) throw error;
        await sleep(100);
      }
    }
  }
}
