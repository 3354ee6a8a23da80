/**
 * A machine for a guide's commands: namespaces of its own for network, mounts and processes, with an /etc, /var/lib and /var/log that nobody else sees, and a
 * shell that stays, as a person's does. When it ends, the kernel ends everything in it. Needs root.
 */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { sh } from '../../hack/cluster/shell.ts';
import { ROOT } from '../support/edgestore.ts';
import { hasTool, tool } from '../tools/tools.ts';

export interface Printed {
  readonly code: number;
  readonly text: string;
}

/** What a guide's commands find in their $PATH, besides the system's and `edgestore`. */
const PROGRAMS = ['etcdctl', 'kubectl', 'kube-apiserver', 'kube-controller-manager', 'kube-scheduler', 'kubelet', 'kwok'];

/** What the shell does before a guide's first command: folders of its own over the machine's. */
const SETUP = (name: string, folder: string): string => `
mount --make-rprivate /
mount -t tmpfs tmpfs '${folder}'
for at in /etc /var/lib /var/log /opt; do
  name=$(echo $at | tr / _); mkdir -p '${folder}'/$name/upper '${folder}'/$name/work
  mount -t overlay overlay -o lowerdir=$at,upperdir='${folder}'/$name/upper,workdir='${folder}'/$name/work $at || exit 1
done
mount -t tmpfs -o mode=755 tmpfs /run
mount --make-rshared /
ip link set lo up; hostname '${name}'
mkdir -p '${folder}/home'; export HOME='${folder}/home'; cd "$HOME"; unset KUBECONFIG
`;

export class Place {
  readonly name: string;
  /** Of the process whose namespaces these are. */
  readonly pid: number;
  private readonly folder: string;
  private readonly shell: ChildProcess;
  private count = 0;

  private constructor(name: string, folder: string, shell: ChildProcess) {
    this.name = name;
    this.folder = folder;
    this.shell = shell;
    this.pid = shell.pid ?? 0;
  }

  /**
   * @param folder of the test; scripts and what they print lie there
   * @param network 'host': it is on this machine's, as somebody beside a cluster
   */
  static async create(name: string, folder: string, network: 'own' | 'host' = 'own'): Promise<Place> {
    const own = join(folder, name);
    mkdirSync(join(own, 'inside'), { recursive: true });
    mkdirSync(join(own, 'bin'));
    for (const [command, main] of [['edgestore', 'datastore/main.ts'], ['kubectl-edgestore', 'operator/kubectl/main.ts']] as const) {
      writeFileSync(join(own, 'bin', command), `#!/bin/sh\nexec '${process.execPath}' '${ROOT}/${main}' "$@"\n`, { mode: 0o755 });
    }
    for (const name of PROGRAMS) if (hasTool(name)) symlinkSync(tool(name), join(own, 'bin', name));
    const shell = spawn('unshare', [...(network === 'own' ? ['--net'] : []), '--mount', '--uts', '--pid', '--fork', '--kill-child', '--mount-proc', 'bash', '--noprofile', '--norc'], {
      stdio: ['pipe', 'ignore', 'inherit'],
      env: { PATH: `${own}/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin`, LANG: 'C.UTF-8' },
    });
    process.on('exit', () => shell.kill('SIGKILL'));
    const place = new Place(name, own, shell);
    const { code, text } = await place.run(SETUP(name, join(own, 'inside')), 30);
    if (code !== 0) throw new Error(`${name} cannot be made: ${text}`);
    return place;
  }

  /** Runs it in the shell, to its end. What it starts with & goes on. Throws when it takes too long, or ends the shell. */
  async run(script: string, timeout_s: number): Promise<Printed> {
    const base = join(this.folder, `${String(++this.count).padStart(3, '0')}`);
    writeFileSync(`${base}.sh`, script);
    // Its result in a file of its own, complete as soon as it is there. In the shell itself, so that variables stay.
    this.shell.stdin?.write(`{ eval "$(cat '${base}.sh')"; } </dev/null >'${base}.out' 2>&1; echo $? >'${base}.part'; mv '${base}.part' '${base}.code'\n`);
    const printed = (): string => (existsSync(`${base}.out`) ? readFileSync(`${base}.out`, 'utf8') : '');
    const deadline = Date.now() + timeout_s * 1000;
    while (!existsSync(`${base}.code`)) {
      if (this.shell.exitCode !== null || this.shell.signalCode !== null) throw new Error(`${this.name}: the shell has ended\n${printed()}`);
      if (Date.now() > deadline) throw new Error(`${this.name}: no end after ${timeout_s} s\n${printed()}`);
      await sleep(20);
    }
    return { code: Number(readFileSync(`${base}.code`, 'utf8')), text: printed() };
  }

  async write(path: string, text: string): Promise<void> {
    const from = join(this.folder, 'file');
    writeFileSync(from, text);
    await this.mustRun(`mkdir -p "$(dirname '${path}')" && cat '${from}' >'${path}'`);
  }

  /** For the test itself: fails loudly. */
  async mustRun(script: string): Promise<string> {
    const { code, text } = await this.run(script, 60);
    if (code !== 0) throw new Error(`${this.name}: exit code ${code}: ${script}\n${text}`);
    return text;
  }

  /** Brings a file or folder to the same path of another place. */
  async carry(path: string, to: Place): Promise<void> {
    const archive = join(this.folder, 'carried.tar');
    await this.mustRun(`tar -C / -cf '${archive}' '${path.replace(/^\//, '')}'`);
    await to.mustRun(`tar -C / -xf '${archive}'`);
  }

  async stop(): Promise<void> {
    if (this.shell.exitCode !== null || this.shell.signalCode !== null) return;
    const ended = new Promise((resolve) => this.shell.once('exit', resolve));
    this.shell.kill('SIGKILL');
    await ended;
  }
}

/** A cable between two places, with these addresses at its ends (all of 192.0.2.0/24 is at one end or the other). */
export async function connect(a: Place, addressesA: readonly string[], b: Place, addressesB: readonly string[]): Promise<void> {
  sh('ip', 'link', 'add', 'name', 'eth0', 'netns', String(a.pid), 'type', 'veth', 'peer', 'name', 'eth0', 'netns', String(b.pid));
  for (const [place, addresses] of [[a, addressesA], [b, addressesB]] as const) {
    await place.mustRun(`${addresses.map((address) => `ip addr add ${address}/24 dev eth0`).join(' && ')} && ip link set eth0 up`);
  }
}
