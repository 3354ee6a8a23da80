/** The Go modules that the schema comes from, at the versions of go.mod beside this file. Go's own checksums say that they are what they were. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

export interface Module {
  readonly path: string;
  readonly version: string;
  /** `go.sum`'s checksum. */
  readonly sum: string;
  readonly dir: string;
}

const names = ['k8s.io/api', 'k8s.io/apimachinery', 'k8s.io/apiextensions-apiserver', 'k8s.io/kube-aggregator'];

/** Downloads them unless they are in Go's cache. Throws if Go is not installed. */
export function modules(): Module[] {
  const output = execFileSync('go', ['mod', 'download', '-json', ...names], { cwd: import.meta.dirname, encoding: 'utf8', env: { ...process.env, GOFLAGS: '-mod=readonly' } });
  // One object after the other, not a list.
  const found = JSON.parse(`[${output.replaceAll(/\}\s*\{/g, '},{')}]`) as { Path: string; Version: string; Sum: string; Dir: string }[];
  return found.map((module) => ({ path: module.Path, version: module.Version, sum: module.Sum, dir: module.Dir })).sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** Hash of all that decides the table without asking Go for it: the pinned checksums and the generator itself. */
export function inputsHash(): string {
  const hash = createHash('sha256');
  for (const file of readdirSync(import.meta.dirname).sort()) {
    if (file.endsWith('.test.ts')) continue;
    hash.update(`${file}\0`).update(readFileSync(join(import.meta.dirname, file))).update('\0');
  }
  return hash.digest('hex').slice(0, 16);
}
