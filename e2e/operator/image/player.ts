/**
 * Plays the steps of a Dockerfile in folders, without docker: each stage is a root of its own, and what runs there runs in it (chroot, in a mount namespace
 * that ends with it). In place of the base images: this machine's system folders, and this checkout's Node at /usr/local/bin/node. Needs root.
 */
import { chownSync, cpSync, existsSync, lstatSync, mkdirSync, readlinkSync, statSync, symlinkSync } from 'node:fs';
import { homedir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { run } from '../../support/process.ts';
import type { RunResult } from '../../support/process.ts';
import type { Stage } from './dockerfile.ts';

/** A base image with a shell and npm has all of it; one that only lends its libraries, only those. */
const SYSTEM = { full: ['usr', 'bin', 'sbin', 'lib', 'lib64', 'etc', 'dev', 'proc', 'tmp'], libraries: ['lib', 'lib64', 'usr/lib', 'usr/lib64', 'dev', 'proc'] } as const;

const quote = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

export class Player {
  private readonly folder: string;
  private readonly context: string;
  private readonly node: string;

  /** @param node the program of Node, which stands for the base image's */
  constructor(folder: string, context: string, node: string) {
    this.folder = folder;
    this.context = context;
    this.node = node;
  }

  root(stage: Stage): string {
    return join(this.folder, stage.name === '' ? 'final' : stage.name);
  }

  /** Plays all steps of a stage. Throws if one fails. */
  async build(stage: Stage, earlier: readonly Stage[]): Promise<void> {
    const root = this.root(stage);
    mkdirSync(join(root, 'usr/local/bin'), { recursive: true });
    if (stage.base.startsWith('node:')) cpSync(this.node, join(root, 'usr/local/bin/node'));
    let workdir = '/';
    for (const step of stage.steps) {
      if (step.kind === 'workdir') {
        workdir = step.path;
        mkdirSync(join(root, workdir), { recursive: true });
      } else if (step.kind === 'copy') {
        const from = step.from === null ? this.context : this.root(earlier.find(({ name }) => name === step.from) ?? stage);
        this.copy(from, step.sources, root, resolve(workdir, step.to), step.to.endsWith('/'), step.chown);
      } else {
        const { code, stdout, stderr } = await this.run(stage, 'full', `cd ${quote(workdir)} && ${step.command}`);
        if (code !== 0) throw new Error(`RUN ${step.command}: exit code ${code}\n${stderr}${stdout}`);
      }
    }
  }

  /** As COPY does it: of a folder what is in it, of a file the file. */
  private copy(from: string, sources: readonly string[], root: string, to: string, intoFolder: boolean, chown: string | null): void {
    for (const source of sources) {
      const path = join(from, source);
      const target = join(root, to, statSync(path).isDirectory() || !(intoFolder || sources.length > 1) ? '' : basename(source));
      cpSync(path, target, { recursive: true });
      const [uid = 0, gid = 0] = (chown ?? '').split(':').map(Number);
      if (chown !== null) chownSync(target, uid, gid);
    }
  }

  /** Runs a line of shell (system full) or a program by its path (libraries) inside. */
  async run(stage: Stage, system: keyof typeof SYSTEM, command: string, timeout_ms = 300_000): Promise<RunResult> {
    return run('unshare', this.args(stage, system, command), { timeout_ms, env: this.env(stage, system) });
  }

  env(stage: Stage, system: keyof typeof SYSTEM): Record<string, string> {
    return system === 'full' ? { PATH: '/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', HOME: '/home-of-the-host' } : { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', NODE_ENV: stage.env['NODE_ENV'] ?? '' };
  }

  /** Arguments for `unshare`. */
  args(stage: Stage, system: keyof typeof SYSTEM, command: string): string[] {
    const root = this.root(stage);
    mkdirSync(root, { recursive: true });
    const mounts = SYSTEM[system].flatMap((name) => {
      const [host, inside] = [`/${name}`, join(root, name)];
      if (!existsSync(host)) return [];
      if (lstatSync(host).isSymbolicLink()) {
        if (lstatSync(inside, { throwIfNoEntry: false }) === undefined) symlinkSync(readlinkSync(host), inside);
        return [];
      }
      mkdirSync(inside, { recursive: true });
      return [`mount --rbind ${quote(host)} ${quote(inside)}`];
    });
    // The stage's own programs lie over those of the machine, also when its /usr is mounted.
    const own = system === 'full' ? [`mount --bind ${quote(`${root}.bin`)} ${quote(join(root, 'usr/local/bin'))}`, `mount --bind ${quote(homedir())} ${quote(join(root, 'home-of-the-host'))}`] : [];
    if (system === 'full') {
      cpSync(join(root, 'usr/local/bin'), `${root}.bin`, { recursive: true });
      mkdirSync(join(root, 'home-of-the-host'), { recursive: true });
    }
    const start = system === 'full' ? `exec chroot ${quote(root)} /bin/sh -c ${quote(command)}` : `exec chroot --userspec=${stage.user} ${quote(root)} ${command}`;
    return ['--mount', '--propagation', 'private', '--pid', '--fork', '--kill-child', 'sh', '-ec', [...mounts, ...own, start].join('\n')];
  }
}
