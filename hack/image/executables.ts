/**
 * The programs in the image: for each `bin` of package.json a file of that name that the kernel starts Node with. Used by hack/image and, in a build with
 * docker, run by itself (it needs nothing but Node): `node executables.ts PACKAGE.JSON FOLDER`.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Where the sources lie in the image. Not below a node_modules: Node strips no types there. */
export const APP = 'app';

/**
 * Space for young objects, in MiB. A collection takes as long as what it has to copy: while 1,000 clients overwrite, the longest hold the event loop for 20 to 44 ms
 * with Node's default (64) and for 14 with this; while a store is filled (most of what is made lives on) single ones of 26 to 40 ms were seen with this, too. With
 * Node's default an operator with 200 EdgeStores takes 80 MB more.
 */
const flags: Readonly<Record<string, string>> = { edgestore: '--max-semi-space-size=8', 'edgestore-operator': '--max-semi-space-size=2' };

/** What Node is told when it runs a program. */
export const flagsOf = (program: string): readonly string[] => (flags[program] === undefined ? [] : [flags[program]]);

/** Name → content, from what package.json says. */
export function executables(packageJson: string): Map<string, string> {
  const { bin } = JSON.parse(packageJson) as { bin: Record<string, string> };
  // There is no shell and no /usr/bin/env: the kernel starts Node, which takes this as a module because it imports.
  return new Map(Object.entries(bin).map(([name, path]) => [name, `#!${['/usr/local/bin/node', ...flagsOf(name)].join(' ')}\nimport '/${APP}/${path}';\n`]));
}

if (import.meta.main) {
  const [, , packageFile = '', folder = ''] = process.argv;
  mkdirSync(folder, { recursive: true });
  for (const [name, content] of executables(readFileSync(packageFile, 'utf8'))) writeFileSync(join(folder, name), content, { mode: 0o755 });
}
