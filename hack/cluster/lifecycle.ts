/** up, down, load: what the command line does, for tests to use as well. */
import { spawn, spawnSync } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePorts } from '../../e2e/support/ports.ts';
import { hasTool } from '../../e2e/tools/tools.ts';
import { makeCgroups, removeCgroups } from './cgroups.ts';
import { abandoned, linkTo, release, reserveNetwork, unlink } from './network.ts';
import { cgroupOf } from './node.ts';
import { childrenOf, end, identify, readPid, writePid } from './pids.ts';
import type { ProcessId } from './pids.ts';
import { folderOf, networks, nodeAddress, readSettings, writeSettings } from './settings.ts';
import type { Mode, Settings, StoreKind } from './settings.ts';
import { succeeds } from './shell.ts';

const UP_TIMEOUT_MS = 300_000;

/** The process whose end is the end of the cluster. */
const pidFile = (folder: string): string => join(folder, 'supervisor.pid');
/** Only with mode full: the first process inside the namespaces. */
const initFile = (folder: string): string => join(folder, 'init.pid');

const wanted: Readonly<Record<Mode, readonly string[]>> = {
  full: ['kube-apiserver', 'kube-controller-manager', 'kube-scheduler', 'kubectl', 'kubelet', 'kube-proxy', 'coredns', 'metrics-server'],
  light: ['kube-apiserver', 'kube-controller-manager', 'kube-scheduler', 'kubectl', 'kwok'],
};

/** Throws, saying what to do, if something is missing here. */
function checkPrograms(mode: Mode, store: StoreKind): void {
  const missing = [...wanted[mode], ...(store === 'etcd' ? ['etcd'] : [])].filter((name) => !hasTool(name));
  if (missing.length > 0) throw new Error(`not built: ${missing.join(', ')}. Run: npm run e2e:setup -- etcd k8s kubelet cluster kwok`);
  const system = ['openssl', 'setpriv', ...(mode === 'full' ? ['ip', 'unshare', 'nsenter', 'containerd', 'ctr', 'runc', 'iptables', 'conntrack'] : [])];
  const absent = system.filter((name) => !succeeds('which', name));
  if (absent.length > 0) throw new Error(`not installed: ${absent.join(', ')}. Run: e2e/tools/debian.sh containers`);
  if (mode === 'full' && process.getuid?.() !== 0) throw new Error('a cluster with a kubelet needs root; --mode light does not');
}

async function newSettings(name: string, mode: Mode, store: StoreKind): Promise<Settings> {
  const folder = folderOf(name);
  if (mode === 'full') {
    for (const left of abandoned()) {
      await removeCgroups(cgroupOf(left));
      release(networks(left));
    }
    const n = reserveNetwork(folder);
    return { name, mode, store, folder, address: nodeAddress(n), net: networks(n), ports: { apiserver: 6443, store: 2379, peer: 2380, controllers: 10257, scheduler: 10259 } };
  }
  const [apiserver = 0, storePort = 0, peer = 0, controllers = 0, scheduler = 0] = await freePorts(5);
  return { name, mode, store, folder, address: '127.0.0.1', ports: { apiserver, store: storePort, peer, controllers, scheduler } };
}

/** The settings of a cluster that runs; undefined: none of that name does. */
export function running(name: string): Settings | undefined {
  const folder = folderOf(name);
  return readPid(pidFile(folder)) === undefined ? undefined : readSettings(folder);
}

/** Starts it, unless it runs, and returns when it is ready: apiserver, node, DNS, metrics. What a crash left of one is removed first. */
export async function up(name: string, mode: Mode, store: StoreKind, say: (text: string) => void): Promise<Settings> {
  const present = running(name);
  if (present !== undefined) {
    if (present.mode !== mode || present.store !== store) throw new Error(`cluster ${name} runs with --mode ${present.mode} --store ${present.store}; 'down' it first`);
    await ready(present);
    return present;
  }
  checkPrograms(mode, store);
  if (existsSync(folderOf(name))) say(`removing what is left of an earlier cluster ${name}`);
  await down(name);
  const settings = await newSettings(name, mode, store);
  const { folder, net } = settings;
  mkdirSync(join(folder, 'log'), { recursive: true });
  writeSettings(settings);
  const supervisor = [process.execPath, '--disable-warning=ExperimentalWarning', join(import.meta.dirname, 'supervisor.ts'), folder];
  const namespaces = ['unshare', '--net', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc', 'bash', join(import.meta.dirname, 'init.sh'), folder];
  const [command = '', ...args] = net === undefined ? supervisor : [...namespaces, ...supervisor];
  if (net !== undefined) makeCgroups(cgroupOf(net.number));
  const log = openSync(join(folder, 'log/supervisor.log'), 'a');
  const child = spawn(command, args, { stdio: ['ignore', log, log], detached: true, cwd: '/' });
  closeSync(log);
  child.unref();
  await new Promise((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', reject);
  });
  const pid = child.pid ?? 0;
  writePid(pidFile(folder), pid);
  if (net !== undefined) {
    const init = await firstChild(pid);
    writePid(initFile(folder), init.pid);
    linkTo(net, init.pid, settings.address);
  }
  await ready(settings);
  return settings;
}

async function firstChild(pid: number): Promise<ProcessId> {
  const deadline = Date.now() + 10_000;
  for (;;) {
    const [child] = childrenOf(pid);
    const id = child === undefined ? undefined : identify(child);
    if (id !== undefined) return id;
    if (Date.now() > deadline) throw new Error('unshare started nothing: see log/supervisor.log');
    await sleep(20);
  }
}

async function ready({ folder }: Settings): Promise<void> {
  const deadline = Date.now() + UP_TIMEOUT_MS;
  while (!existsSync(join(folder, 'ready'))) {
    const failed = join(folder, 'failed');
    if (existsSync(failed)) throw new Error(`the cluster does not start (its logs: ${join(folder, 'log')}): ${readFileSync(failed, 'utf8')}`);
    if (readPid(pidFile(folder)) === undefined) throw new Error(`the cluster has ended; its logs: ${join(folder, 'log')}`);
    if (Date.now() > deadline) throw new Error(`the cluster is not ready after ${UP_TIMEOUT_MS / 1000} s; its logs: ${join(folder, 'log')}`);
    await sleep(100);
  }
}

/** Ends it and removes all it made: processes, network, cgroups, folder. Does what is left to do after a crash, and nothing if there is nothing. */
export async function down(name: string): Promise<void> {
  const folder = folderOf(name);
  const settings = readSettings(folder);
  const supervisor = readPid(pidFile(folder));
  const init = readPid(initFile(folder));
  // With namespaces the kernel ends everything in them with their first process; without, the supervisor ends its programs.
  if (supervisor !== undefined) await end(supervisor, settings?.mode === 'light' ? 'SIGTERM' : 'SIGKILL', 60_000);
  if (init !== undefined) await end(init, 'SIGKILL', 30_000);
  if (settings?.net !== undefined) {
    unlink(settings.net);
    await removeCgroups(cgroupOf(settings.net.number));
    release(settings.net);
  }
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
}

/** `nsenter` arguments that lead into a running cluster with mode full; none with mode light, whose programs run beside us. */
export function inside(settings: Settings): string[] {
  if (settings.mode === 'light') return [];
  const init = readPid(initFile(settings.folder));
  if (init === undefined) throw new Error(`cluster ${settings.name} does not run`);
  return ['nsenter', '--target', String(init.pid), '--net', '--mount', '--pid'];
}

/** Gives the node an image: an OCI archive, as `npm run image` writes it. */
export function load(settings: Settings, archive: string): void {
  if (settings.mode === 'light') throw new Error('a cluster without a kubelet runs no images');
  const file = openSync(archive, 'r');
  const [command = '', ...args] = [...inside(settings), 'ctr', '-n', 'k8s.io', 'image', 'import', '-'];
  const { status } = spawnSync(command, args, { stdio: [file, 'ignore', 'inherit'] });
  closeSync(file);
  if (status !== 0) throw new Error(`${archive} cannot be imported`);
}
