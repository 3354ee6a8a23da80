/**
 * `npm run generate`: writes every generated file. `npm run generate -- --check` writes nothing and
 * fails if a committed file differs from what would be written. Needs Go, for the sources of Kubernetes.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { chart } from './chart.ts';
import { crds } from './crds.ts';
import { docs } from './docs.ts';
import { kubernetes } from './kubernetes/generator.ts';
import { protobuf } from './protobuf.ts';

/** Makes generated files: path (from the repository's root) → contents. */
export type Generator = () => Map<string, string>;

const root = join(import.meta.dirname, '../..');
const generators: Generator[] = [protobuf, docs, crds, chart, kubernetes];

/** Paths whose committed contents differ from `files`. */
export function stale(files: ReadonlyMap<string, string>): string[] {
  return [...files].filter(([path, contents]) => read(join(root, path)) !== contents).map(([path]) => path);
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

function main(): void {
  const check = process.argv.includes('--check');
  for (const generate of generators) {
    const files = generate();
    const differing = stale(files);
    if (check && differing.length > 0) {
      console.error(`stale, run "npm run generate": ${differing.join(', ')}`);
      process.exitCode = 1;
    }
    if (check) continue;
    for (const path of differing) {
      const target = join(root, path);
      mkdirSync(dirname(target), { recursive: true });
      rmSync(target, { force: true });
      writeFileSync(target, files.get(path)!);
      console.log(`wrote ${path}`);
    }
  }
}

if (import.meta.main) main();
