/** The one link between the host and a cluster's network namespace. */
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { identify, isAlive } from './pids.ts';
import type { ProcessId } from './pids.ts';
import { readSettings } from './settings.ts';
import type { Networks, Settings } from './settings.ts';
import { sh, succeeds } from './shell.ts';

/** The link's name inside. */
const INSIDE = 'eth0';
const LINK_TIMEOUT_MS = 30_000;

/** One folder per number in use, also by clusters of other checkouts: making a folder is what only one can succeed in. */
const RESERVATIONS = join(tmpdir(), 'edgestore-clusters');

/** Who has a number, in its folder: the cluster's folder, and who makes it (until its settings are written, only that process knows of it). */
interface Holder {
  readonly folder: string;
  readonly maker: ProcessId | undefined;
}

/** Reserves the lowest N from 100 on that no cluster has and whose 10.N.0.0/16 nothing on this host touches, for the cluster in `folder`. `release` gives it back. */
export function reserveNetwork(folder: string): number {
  mkdirSync(RESERVATIONS, { recursive: true });
  const used = `${sh('ip', '-4', '-o', 'addr')}\n${sh('ip', '-4', 'route', 'show', 'table', 'all')}`;
  for (let n = 100; n < 251; n++) {
    if (new RegExp(`\\b10\\.${n}\\.`).test(used)) continue;
    try {
      mkdirSync(join(RESERVATIONS, String(n)));
      const holder: Holder = { folder, maker: identify(process.pid) };
      writeFileSync(join(RESERVATIONS, String(n), 'holder.json'), JSON.stringify(holder));
      return n;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
  }
  throw new Error(`no free network 10.100.0.0/16 to 10.250.0.0/16; what no cluster has any more may be removed from ${RESERVATIONS}`);
}

export function release(net: Networks): void {
  rmSync(join(RESERVATIONS, String(net.number)), { recursive: true, force: true });
}

/** Numbers of clusters that nobody can take `down` any more: their folder was removed, and nothing of them runs. */
export function abandoned(reservations = RESERVATIONS): number[] {
  const numbers = existsSync(reservations) ? readdirSync(reservations).map(Number) : [];
  return numbers.filter((n) => {
    const file = join(reservations, String(n), 'holder.json');
    // The link goes with the cluster's first process.
    if (!existsSync(file) || existsSync(`/sys/class/net/es-${n}`)) return false;
    const text = readFileSync(file, 'utf8');
    if (text === '') return false; // it is being written
    const { folder, maker } = JSON.parse(text) as Holder;
    return readSettings(folder)?.net?.number !== n && (maker === undefined || !isAlive(maker));
  });
}

/** On the host: makes the link, its other end in the network namespace of `pid`, and the route to pods and services. */
export function linkTo(net: Networks, pid: number, address: string): void {
  sh('ip', 'link', 'add', net.hostDevice, 'type', 'veth', 'peer', 'name', INSIDE, 'netns', String(pid));
  sh('ip', 'addr', 'add', `${net.hostAddress}/30`, 'dev', net.hostDevice);
  sh('ip', 'link', 'set', net.hostDevice, 'up');
  sh('ip', 'route', 'add', net.all, 'via', address, 'dev', net.hostDevice);
}

/** Removes the host's end; it goes with the namespace by itself, a moment later. */
export function unlink(net: Networks): void {
  if (existsSync(`/sys/class/net/${net.hostDevice}`)) succeeds('ip', 'link', 'del', net.hostDevice);
}

/** Inside: waits for the link, gives it the node's address, routes everything unknown to the host, and forwards for the pods. */
export async function joinNetwork({ address, net }: Settings): Promise<void> {
  const deadline = Date.now() + LINK_TIMEOUT_MS;
  // /sys shows the host's devices here, as it was mounted there.
  while (!succeeds('ip', 'link', 'show', INSIDE)) {
    if (Date.now() > deadline) throw new Error('no link from the host');
    await sleep(50);
  }
  sh('ip', 'link', 'set', 'lo', 'up');
  sh('ip', 'addr', 'add', `${address}/30`, 'dev', INSIDE);
  sh('ip', 'link', 'set', INSIDE, 'up');
  sh('ip', 'route', 'add', 'default', 'via', net?.hostAddress ?? '');
  // An address that no pod has (any more) is refused at once; it would go back and forth between here and the host.
  if (net !== undefined) sh('ip', 'route', 'add', 'unreachable', net.pods);
  writeFileSync('/proc/sys/net/ipv4/ip_forward', '1');
}
