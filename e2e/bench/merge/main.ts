/**
 * What merging by field costs while nothing conflicts: `npm run bench:merge`, and in memory: `npm run bench:merge -- --memory 20000`.
 *
 * Objects that a kube-apiserver stored are updated as it updates them: a transaction that compares the revision and puts a value of which little has changed. Each
 * round has a fresh store (round.ts); the median of the rounds' ratios counts.
 */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { memory } from './memory.ts';
import { median, round } from './round.ts';
import type { Figures } from './round.ts';
import { kinds, SIDES } from './store.ts';
import type { Side } from './store.ts';

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    members: { type: 'string', default: '3' },
    warm: { type: 'string', default: '4000' },
    /** Of the calls that count. */
    scale: { type: 'string', default: '1' },
    /** datastore/main.ts of a checkout of before there was merging, to compare with. */
    before: { type: 'string', default: '' },
    /** A directory for profiles of all replicas. */
    profiles: { type: 'string', default: '' },
    /** Instead of time: what so many objects hold of memory. */
    memory: { type: 'string', default: '' },
    /** Of these only `off` or `field`. */
    merge: { type: 'string', default: '' },
    report: { type: 'boolean', default: false },
  },
});
const scale = Number(options.scale);
const CLIENTS = 50;

if (options.memory !== '') {
  const objects = Number(options.memory);
  if (options.merge !== '') console.log((await memory(options.merge === 'field' ? 'field' : 'off', objects)).toFixed(1));
  else for (const side of SIDES) {
    // A process each: what one leaves behind counts for no other.
    const bytes = execFileSync(process.execPath, ['--no-opt', '--no-sparkplug', import.meta.filename, '--memory', options.memory, '--merge', side === 'field' ? 'field' : 'off'], { encoding: 'utf8' });
    console.log(`${side}: ${bytes.trim()} bytes for each of ${objects} objects, at one replica`);
  }
  process.exit();
}

const rounds: Record<Side, Figures>[] = [];
for (let i = 0; i < Number(options.rounds); i++) {
  rounds.push(await round({
    members: Number(options.members), warm: Number(options.warm), one: Math.round(4_000 * scale), many: Math.round(10_000 * scale), clients: CLIENTS, before: options.before, profiles: options.profiles,
  }));
  console.error(`round ${i + 1}: ${JSON.stringify(rounds.at(-1), (_, value: unknown) => (typeof value === 'number' ? Number(value.toFixed(3)) : value))}`);
}

const row = (name: string, figure: keyof Figures, digits: number): string => {
  const at = (side: Side): string => median(rounds.map((found) => found[side][figure])).toFixed(digits);
  const ratio = (side: Side, bold: string): string => {
    const ratios = rounds.map((found) => found[side][figure] / found.off[figure]);
    return `${bold}${median(ratios).toFixed(3)}${bold} (${Math.min(...ratios).toFixed(3)}–${Math.max(...ratios).toFixed(3)})`;
  };
  return `| ${name} | ${at('off')} | ${at('again')} | ${at('field')} | ${ratio('again', '')} | ${ratio('field', '**')} |`;
};
const [first, second] = options.before === '' ? ['off', 'off again'] : ['before', 'off'];
const asked = options.before === '' ? 'keys that do not merge, other such keys, and keys that merge' : 'keys that do not merge and keys that merge, and as many of before there was merging';
const text = `# What merging by field costs where nothing conflicts, ${new Date().toISOString().slice(0, 10)}

Written by \`npm run bench:merge -- --report\`: ${options.members} replicas with objects under ${asked}, asked in turn, 25 calls at a time, ${rounds.length} rounds with fresh
stores, on ${cpus().length} × ${cpus()[0]?.model.trim() ?? 'an unknown CPU'}, replicas and client together. Objects as a kube-apiserver stored them (${kinds.map(({ name, versions }) => `${name} ${versions[0]!.length} B`).join(', ')}), an
annotation, the generation and the time in managedFields changed with each update, in a transaction that compares the revision; ${options.warm} updates of each side before anything counts. Medians of the rounds; ratios to
the first side, of each round, their median, least and largest. ${options.before === '' ? '"off again" says how far two equal sides differ.' : ''}

| | ${first} | ${second} | field | ${second} to ${first} | field to ${first} |
| --- | --- | --- | --- | --- | --- |
${row('update, one client, p50 ms', 'put_ms', 3)}
${row('of the processors, the replica that is asked, µs an update', 'asked_us', 0)}
${row('of the processors, the others together, µs an update', 'others_us', 0)}
${row('get, one client, p50 ms', 'get_ms', 3)}
${row(`updates a second, ${CLIENTS} clients`, 'puts', 0)}
`;
console.log(text);
if (options.report) writeFileSync(new URL(`../../../docs/reports/merge-cost-${new Date().toISOString().slice(0, 10)}.md`, import.meta.url), text);
