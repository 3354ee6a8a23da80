/**
 * hack/image/Dockerfile, played step by step without docker: what comes out has every file of the image that is tested elsewhere, and works.
 *
 *   node e2e/operator/image/main.ts
 *
 * The base images themselves are not here. Needs root, and npm.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { programTree, productionPackages } from '../../../hack/image/program.ts';
import { ROOT } from '../../support/edgestore.ts';
import { freePort } from '../../support/ports.ts';
import { Program } from '../../support/process.ts';
import { TempDir } from '../../support/temp.ts';
import { until } from '../real-cluster.ts';
import { Steps, expect } from '../steps.ts';
import { parse } from './dockerfile.ts';
import { Player } from './player.ts';

const steps = new Steps('operator/image');
await using dir = TempDir.create('dockerfile');
const player = new Player(dir.path, ROOT, join(ROOT, `node_modules/node-linux-${process.arch}/bin/node`));
const stages = parse(readFileSync(join(ROOT, 'hack/image/Dockerfile'), 'utf8'));
const final = stages.at(-1);
if (final === undefined) throw new Error('the Dockerfile has no stage');

await steps.run('every step runs', async () => {
  for (const [i, stage] of stages.entries()) await player.build(stage, stages.slice(0, i));
});

await steps.run('every file of the program and every production dependency is in it', async () => {
  const root = player.root(final);
  const wrong = programTree(ROOT).sorted().filter((entry) => entry.kind === 'file' && entry.path !== 'app/package.json')
    .filter((entry) => entry.kind === 'file' && !(existsSync(join(root, entry.path)) && readFileSync(join(root, entry.path)).equals(Buffer.from(entry.data ?? '')))).map(({ path }) => path);
  expect(wrong.length === 0, `${wrong.length} are missing or different: ${wrong.slice(0, 10).join(', ')}`);
  const absent = productionPackages(ROOT).filter((path) => !existsSync(join(root, 'app', path)));
  expect(absent.length === 0, `not installed: ${absent.join(', ')}`);
});

await steps.run('its programs start, as the user of the image and with nothing but libraries around them', async () => {
  for (const [program, says] of [['edgestore --version', /^EdgeStore Version: /m], ['edgestore-operator --help', /--leader-elect/], ['kubectl-edgestore --help', /status/]] as const) {
    const { stdout, stderr } = await player.run(final, 'libraries', `/usr/local/bin/${program}`);
    expect(says.test(stdout + stderr), `${program}: ${stdout}${stderr}`);
  }
});

await steps.run('it serves, by its entry point and on the folder that is its state', async () => {
  const [client, peer] = [await freePort(), await freePort()];
  const url = `http://127.0.0.1:${client}`;
  const flags = ['serve', '--data-dir=/var/lib/edgestore/data', `--listen-client-urls=${url}`, `--advertise-client-urls=${url}`, `--listen-peer-urls=http://127.0.0.1:${peer}`, `--initial-advertise-peer-urls=http://127.0.0.1:${peer}`];
  const program = new Program({
    name: 'the image', command: 'unshare', logFile: dir.join('serve.log'), env: player.env(final, 'libraries'), args: player.args(final, 'libraries', [...final.entrypoint, ...flags].join(' ')),
  });
  program.start();
  try {
    const post = async (path: string, body: object): Promise<unknown> => (await fetch(`${url}${path}`, { method: 'POST', body: JSON.stringify(body) })).json();
    const base64 = (text: string): string => Buffer.from(text).toString('base64');
    await until('it serves', 60, async () => (await fetch(`${url}/readyz`)).ok);
    await post('/v3/kv/put', { key: base64('a'), value: base64('b') });
    const { kvs } = await post('/v3/kv/range', { key: base64('a') }) as { kvs: { value: string }[] };
    expect(kvs[0]?.value === base64('b'), JSON.stringify(kvs));
  } finally {
    await program.stop(10_000);
  }
});
process.exitCode = steps.failed ? 1 : 0;
