/** The layers of the program: its production dependencies, and its sources, whose types Node strips as it loads them. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { APP, executables } from './executables.ts';
import { Tree } from './tree.ts';

interface Lock {
  readonly packages: Readonly<Record<string, { readonly dev?: boolean; readonly devOptional?: boolean }>>;
}

/** The folders that hold programs; one that is not there yet is left out. */
const folders = ['datastore', 'operator', 'crds'];

/** Files of a dependency that nothing loads at run time: types, source maps, other runtimes' binaries, tests, pages. */
const needless = [
  /\.(d\.[cm]?ts|map|md|markdown|ts|flow|tsbuildinfo|proto|yml|yaml)$/,
  /(^|\/)(prebuilds|tests?|__tests__|docs?|examples?|benchmarks?|coverage|\.github)\//,
  /(^|\/)(CHANGELOG|HISTORY|Makefile|tsconfig)[^/]*$/,
];

/** Tests, and what only tests use. */
const forTests = [/\.(test|bench|contract)\.ts$/, /(^|\/)(testing|fake)\//, /(^|\/)testing\.ts$/, /\.(md|proto)$/, /(^|\/)buf[^/]*\.yaml$/];

/** A dependency that carries no code of its own: the runtime (a layer below) and packages of types. */
const noCode = (path: string): boolean => /(^|\/)node_modules\/(node-linux-[^/]+|@types\/[^/]+|undici-types)$/.test(path);

/** The folders of all production dependencies, by package-lock.json. */
export function productionPackages(root: string): string[] {
  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as Lock;
  return Object.entries(lock.packages)
    .filter(([path, { dev = false, devOptional = false }]) => path !== '' && !dev && !devOptional && !noCode(path) && existsSync(join(root, path)))
    .map(([path]) => path)
    .sort();
}

export function dependenciesTree(root: string): Tree {
  const tree = new Tree();
  for (const path of productionPackages(root)) {
    tree.copyFolder(`${APP}/${path}`, join(root, path), (file) => !file.includes('node_modules/') && !needless.some((pattern) => pattern.test(file)));
  }
  return tree;
}

/** The sources, package.json, and for each of its `bin` an executable of that name. */
export function programTree(root: string): Tree {
  const tree = new Tree();
  const packageJson = readFileSync(join(root, 'package.json'), 'utf8');
  const { version, type } = JSON.parse(packageJson) as { version: string; type: string };
  for (const folder of folders) {
    if (existsSync(join(root, folder))) tree.copyFolder(`${APP}/${folder}`, join(root, folder), (file) => !forTests.some((pattern) => pattern.test(file)));
  }
  tree.file(`${APP}/package.json`, `${JSON.stringify({ name: 'edgestore', version, private: true, type })}\n`);
  for (const [name, content] of executables(packageJson)) tree.file(`usr/local/bin/${name}`, content, 0o755);
  tree.copy(`usr/share/doc/edgestore/LICENSE`, join(root, 'LICENSE'));
  return tree;
}
