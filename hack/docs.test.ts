/** What the documents say of the repository is so: links lead somewhere, flags and metrics exist, and all flags stand somewhere. */
import { describe, expect, test } from '@jest/globals';
import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { options } from '../datastore/config/options.ts';
import { definitions } from '../datastore/telemetry/definitions.ts';
import { createMetrics } from '../operator/metrics.ts';
import { operatorOptions } from '../operator/options.ts';

const ROOT = join(import.meta.dirname, '..');
const SKIPPED = new Set(['node_modules', '.git', '.data', 'dist', 'coverage']);

function files(folder: string, ending: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    if (entry.isDirectory()) return SKIPPED.has(entry.name) ? [] : files(join(folder, entry.name), ending);
    return entry.name.endsWith(ending) ? [join(folder, entry.name)] : [];
  }).sort();
}

const read = (path: string): string => readFileSync(path, 'utf8');
const pages = files(ROOT, '.md');
const nameOf = (page: string): string => relative(ROOT, page);

/** Lines outside of code blocks, with their numbers. */
function prose(text: string): [number, string][] {
  let code = false;
  return text.split('\n').flatMap((line, i): [number, string][] => {
    if (/^\s*```/.test(line)) code = !code;
    return code || /^ {4}/.test(line) ? [] : [[i + 1, line]];
  });
}

/** As GitHub makes them: small letters, no punctuation, dashes for spaces; the second of a name with -1. */
function anchorsOf(page: string): Set<string> {
  const found = new Map<string, number>();
  const anchors = new Set<string>();
  for (const [, line] of prose(read(page))) {
    const title = /^#{1,6} (.*)$/.exec(line)?.[1];
    if (title === undefined) continue;
    const plain = title.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').toLowerCase().replace(/[^\p{L}\p{N}\s_-]/gu, '').trim().replace(/\s/g, '-');
    const count = found.get(plain) ?? 0;
    found.set(plain, count + 1);
    anchors.add(count === 0 ? plain : `${plain}-${count}`);
  }
  return anchors;
}

/** What is wrong with the links of a page. */
function brokenLinks(page: string): string[] {
  return prose(read(page)).flatMap(([line, text]) => [...text.replace(/`[^`]*`/g, '').matchAll(/\]\(([^)\s]+)(?: "[^"]*")?\)/g)].flatMap(([, target = '']) => {
    if (/^[a-z]+:/.test(target)) return [];
    const [path = '', anchor] = target.split('#');
    const to = path === '' ? page : resolve(dirname(page), path);
    if (!existsSync(to)) return [`${nameOf(page)}:${line}: ${target}`];
    if (anchor === undefined) return [];
    return statSync(to).isFile() && anchorsOf(to).has(anchor) ? [] : [`${nameOf(page)}:${line}: ${target}`];
  }));
}

test('links between documents lead to what is there', () => {
  expect(pages.length).toBeGreaterThan(40);
  expect(pages.flatMap(brokenLinks)).toEqual([]);
});

test('docs/README.md leads to every document below docs/, or to the folder that it is in', () => {
  const index = join(ROOT, 'docs/README.md');
  const linked = new Set([...read(index).matchAll(/\]\(([^)#\s]+)/g)].map(([, target = '']) => resolve(dirname(index), target)));
  const missing = pages.filter((page) => page.startsWith(`${ROOT}/docs/`) && page !== index && ![page, dirname(page), join(dirname(page), 'README.md')].some((path) => linked.has(path)));
  expect(missing.map(nameOf)).toEqual([]);
});

/** Flags of programs that are not ours, as far as documents name them. */
const OTHERS = new Set(`
  --all-namespaces --cluster-cidr --pod-cidr --allocate-node-cidrs --etcd-servers --etcd-prefix --etcd-cafile --etcd-certfile --etcd-keyfile --node-monitor-grace-period
  --keys-only --leader-elect-lease-duration --default-unreachable-toleration-seconds --default-not-ready-toleration-seconds --service-cluster-ip-range --service-node-port-range
`.split(/\s+/));

/** Every long option that sources of ours define or hand to a program; of the Markdown itself only what our programs know counts. */
const ours = new Set([
  ...options.map(({ name }) => `--${name}`), ...operatorOptions.map(({ name }) => `--${name}`),
  ...['datastore/admin', 'operator/kubectl', 'hack', 'e2e', 'charts'].flatMap((folder) => [...files(join(ROOT, folder), '.ts'), ...files(join(ROOT, folder), '.sh')]).filter((path) => !path.endsWith('docs.test.ts'))
    .flatMap((path) => [...read(path).matchAll(/(?<![\w-])--[a-z][a-z0-9-]+/g), ...read(path).matchAll(/(?<=['\s{,])'?([a-z][a-z-]+)'?: \{ type: '(?:string|boolean)'/g)].map(([text, name]) => (name === undefined ? text : `--${name}`))),
]);

/** In prose and tables all flags are ours or kubelet's and apiserver's; in code blocks of guides other programs have theirs. */
function unknownFlags(page: string): string[] {
  return prose(read(page)).flatMap(([line, text]) => [...text.matchAll(/`[^`]+`/g)].flatMap(([code]) => [...code.matchAll(/(?<![\w-])--[a-z][a-z0-9-]*[a-z0-9]/g)].map(([flag]) => flag))
    .filter((flag) => !ours.has(flag) && !OTHERS.has(flag)).map((flag) => `${nameOf(page)}:${line}: ${flag}`));
}

describe('flags', () => {
  test('that documents name exist', () => {
    expect(pages.filter((page) => !/etcd-suite|differential|reports\//.test(page)).flatMap(unknownFlags)).toEqual([]);
  });

  test('of all commands are in what --help says of them', () => {
    const shared = ['endpoint', 'timeout', 'cacert', 'cert', 'key'];
    const missing = ['check', 'conflicts', 'dev', 'drain', 'manifest', 'member', 'status'].flatMap((command) => {
      const source = read(join(ROOT, `datastore/admin/${command}.ts`));
      const usage = /Usage = `([^]*?)`;/.exec(source)?.[1] ?? '';
      const parsed = [...source.slice(source.indexOf('parseArgs({')).matchAll(/(?<=[\s{,])'?([a-z][a-z-]+)'?: \{ type: '(?:string|boolean)'(, short: '(.)')?/g)];
      const names = [...parsed.map(([, name = '', , short]): [string, string | undefined] => [name, short]), ...(source.includes('...targetOptions') && !/endpoints: \{/.test(source) ? shared.map((name): [string, undefined] => [name, undefined]) : [])];
      return names.filter(([name, short]) => name !== 'help' && !usage.includes(`--${name}`) && (short === undefined || !usage.includes(`-${short} `))).map(([name]) => `${command} --${name}`);
    });
    expect(missing).toEqual([]);
  });
});

test('metrics that documents name exist', async () => {
  const operators = (await createMetrics(false).registry.getMetricsAsJSON()).map(({ name }) => name);
  const known = new Set<string>([...Object.values(definitions).map(({ name }) => name), ...operators]);
  const unknown = pages.filter((page) => !/etcd-suite|differential/.test(page)).flatMap((page) => read(page).split('\n').flatMap((text, i) =>
    [...text.matchAll(/(?<![\w/@.-])(?:edgestore|etcd|grpc_server)_[a-z0-9_]+[a-z0-9](?![\w*/{.-]|_\*)/g)].map(([name]) => name)
      .filter((name) => !known.has(name) && !known.has(name.replace(/_(bucket|sum|count)$/, ''))).map((name) => `${nameOf(page)}:${i + 1}: ${name}`)));
  expect(unknown).toEqual([]);
});
