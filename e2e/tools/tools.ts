/** Where the real programs are that setup.sh built. */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const HERE = fileURLToPath(new URL('.', import.meta.url));

interface Row {
  readonly group: string;
  readonly module: string;
  readonly binary: string;
}

function rows(): Row[] {
  const lines = readFileSync(join(HERE, 'tools.tsv'), 'utf8').split('\n');
  return lines.filter((line) => line !== '' && !line.startsWith('#')).map((line) => {
    const [group = '', module = '', binary = ''] = line.split('\t');
    return { group, module, binary };
  });
}

/** Must agree with module_hash in setup.sh: the build's directory is named by what decides the build. */
function moduleHash(module: string): string {
  const hash = createHash('sha256');
  for (const file of ['go.mod', 'go.sum', 'ldflags']) {
    const path = join(HERE, module, file);
    if (existsSync(path)) hash.update(readFileSync(path));
  }
  return hash.digest('hex').slice(0, 12);
}

/** The cache of built programs, outside the checkout. */
export function toolsCache(): string {
  const env = process.env;
  return env['EDGESTORE_TOOLS'] ?? join(env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'edgestore-tools');
}

/** Whether `tool(binary)` would find it. */
export function hasTool(binary: string): boolean {
  const row = rows().find((candidate) => candidate.binary === binary);
  return row !== undefined && existsSync(pathOf(row));
}

function pathOf(row: Row): string {
  return join(toolsCache(), `${row.module}-${moduleHash(row.module)}`, row.binary);
}

/** The absolute path of a program, for example `tool('etcdctl')`. Throws, naming the setup to run, if it is not built. */
export function tool(binary: string): string {
  const row = rows().find((candidate) => candidate.binary === binary);
  if (row === undefined) throw new Error(`no program '${binary}' in e2e/tools/tools.tsv`);
  const path = pathOf(row);
  if (!existsSync(path)) throw new Error(`${binary} is not built: run 'npm run e2e:setup -- ${row.group}' (missing: ${path})`);
  return path;
}
