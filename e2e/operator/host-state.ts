/** What a cluster could leave behind on the host. */
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { run } from '../support/process.ts';

/** A line for each device, route, mount, cgroup and process that belongs to the cluster number `n` in `folder`; what belongs to others may change at any time. */
export async function traces(n: number, folder: string): Promise<string[]> {
  const links = (await run('ip', ['-o', 'link'])).stdout.split('\n').filter((line) => line.includes(`es-${n}@`) || line.includes(`es-${n}:`));
  const routes = (await run('ip', ['route'])).stdout.split('\n').filter((line) => line.includes(`dev es-${n} `));
  const mounts = readFileSync('/proc/mounts', 'utf8').split('\n').filter((line) => line.includes(folder));
  const root = '/sys/fs/cgroup';
  const cgroups = [root, ...readdirSync(root).map((entry) => `${root}/${entry}`)].filter((path) => existsSync(`${path}/edgestore-${n}`));
  const processes = readdirSync('/proc').filter((pid) => /^\d+$/.test(pid) && commandOf(pid).includes(folder));
  const files = existsSync(folder) ? [folder] : [];
  return [...links, ...routes, ...mounts, ...cgroups, ...processes.map((pid) => `process ${pid}: ${commandOf(pid)}`), ...files];
}

function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
  } catch {
    return '';
  }
}

/** Settings of the host's own network that a cluster must not touch. */
export const hostNetwork = (): string => `ip_forward ${readFileSync('/proc/sys/net/ipv4/ip_forward', 'utf8').trim()}`;
