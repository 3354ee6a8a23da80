/** EdgeStore from this checkout. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { flagsOf } from '../../hack/image/executables.ts';
import { Cluster } from './member.ts';
import type { ClusterOptions, Launcher } from './member.ts';

/** The checkout's root. */
export const ROOT = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');

/** The program's entry point. EDGESTORE_MAIN names another checkout's, to compare two versions. */
export function edgestoreMain(): string {
  return process.env['EDGESTORE_MAIN'] ?? `${ROOT}/datastore/main.ts`;
}

/** `node datastore/main.ts serve` with the image's flags for Node, by the Node that runs this (inside npm scripts: the pinned one). */
export function edgestoreLauncher(): Launcher {
  const main = edgestoreMain();
  if (!existsSync(main)) throw new Error(`${main} does not exist`);
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major < 22 || (major === 22 && minor < 19)) {
    throw new Error(`EdgeStore needs Node >= 22.19, this is ${process.versions.node}: start through npm, which brings its own`);
  }
  return { kind: 'edgestore', command: process.execPath, args: [...flagsOf('edgestore'), main, 'serve'] };
}

/** An EdgeStore cluster of so many replicas; `start` starts it. */
export function edgestoreCluster(options: ClusterOptions): Promise<Cluster> {
  return Cluster.create(edgestoreLauncher(), options);
}
