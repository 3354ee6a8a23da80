/**
 * A real apiserver writes one of every kind, in protobuf and in JSON; the codecs read each value and must write the same bytes. And the table of kinds is made
 * anew from Kubernetes' sources, and must be the committed one.
 *
 *   node e2e/kubernetes/corpus/main.ts [--write]
 *
 * `--write` keeps the largest value of every kind in datastore/merge/testing/, for the unit tests.
 */
import { parseArgs } from 'node:util';
import { decode, encode } from '../../../datastore/merge/codec/codec.ts';
import { corpusPath, writeCorpus } from '../../../datastore/merge/testing/corpus.ts';
import { kubernetes } from '../../../hack/generate/kubernetes/generator.ts';
import { stale } from '../../../hack/generate/main.ts';
import { writeResults, type Result } from '../../results.ts';
import { collect, formats, type Format, type Stored } from './collect.ts';

const { values: flags } = parseArgs({ options: { write: { type: 'boolean', default: false } } });

/** apiserver keeps these as JSON, whatever it is told: custom resources, and the kinds of its two delegates. */
const alwaysJson = /^\/registry\/(apiextensions\.k8s\.io|apiregistration\.k8s\.io|example\.test)\//;

const results: Result[] = [];
const kept = new Map<string, Buffer>();
for (const format of formats) {
  const from = Date.now();
  const { stored, missing } = await collect(format);
  const problems = missing.map((kind) => `no object of ${kind}`);
  const kinds = new Map<string, Stored>();
  for (const { key, value } of stored) {
    const object = decode(value);
    if (object === null) problems.push(`${key}: not decoded: ${value.subarray(0, 40).toString('latin1')}`);
    else if (!value.equals(encode(object))) problems.push(`${key}: other bytes`);
    else {
      if (object.format !== (alwaysJson.test(key) ? 'json' : format)) problems.push(`${key} is ${object.format}`);
      const kind = `${object.format} ${object.apiVersion} ${object.kind}`;
      if (value.length > (kinds.get(kind)?.value.length ?? 0)) kinds.set(kind, { key, value });
    }
  }
  for (const [kind, { value }] of kinds) kept.set(kind, value);
  console.log(`${format}: ${stored.length} values of ${kinds.size} kinds, ${problems.length} problems`);
  for (const problem of problems) console.log(`PROBLEM: ${problem}`);
  results.push({ suite: 'kubernetes/corpus', name: nameOf(format), status: problems.length === 0 ? 'passed' : 'failed', reason: problems.slice(0, 5).join('; '), seconds: (Date.now() - from) / 1000 });
}

function nameOf(format: Format): string {
  return `every value that apiserver stores as ${format} comes back byte for byte`;
}

const from = Date.now();
const differing = stale(kubernetes());
if (differing.length > 0) console.log(`PROBLEM: stale, run "npm run generate": ${differing.join(', ')}`);
results.push({
  suite: 'kubernetes/corpus', name: 'the table of kinds is what the generator makes of Kubernetes\' sources', status: differing.length === 0 ? 'passed' : 'failed',
  reason: differing.join(', '), seconds: (Date.now() - from) / 1000,
});

if (flags.write) {
  writeCorpus(kept);
  console.log(`${kept.size} values written to ${corpusPath}`);
}
writeResults(results);
process.exitCode = results.every((result) => result.status === 'passed') ? 0 : 1;
