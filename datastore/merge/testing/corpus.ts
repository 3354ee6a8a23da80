/**
 * Real values for unit tests: one of every kind as a kube-apiserver 1.36.3 stored it, in both formats. e2e/kubernetes/corpus makes it
 * (`node e2e/kubernetes/corpus/main.ts --write`).
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';

export const corpusPath = join(import.meta.dirname, 'corpus.json.gz');

/** `FORMAT APIVERSION KIND` → the stored value. */
export function corpus(path = corpusPath): Map<string, Buffer> {
  const entries = JSON.parse(gunzipSync(readFileSync(path)).toString()) as [string, string][];
  return new Map(entries.map(([kind, value]) => [kind, Buffer.from(value, 'latin1')]));
}

export function writeCorpus(values: ReadonlyMap<string, Buffer>, path = corpusPath): void {
  // One character a byte: base64 would keep gzip from finding what repeats.
  const entries = [...values].sort(([a], [b]) => (a < b ? -1 : 1)).map(([kind, value]) => [kind, value.toString('latin1')]);
  writeFileSync(path, gzipSync(JSON.stringify(entries), { level: 9 }));
}

export interface TestData {
  /** For example `apps.v1.Deployment`. */
  readonly name: string;
  readonly protobuf: Buffer;
  /** As apiserver would store it. */
  readonly json: Buffer;
}

/** Kubernetes' own serialization test data: every kind with every field set. hack/generate takes it from Kubernetes' sources. */
export function testdata(): TestData[] {
  const text = readFileSync(join(import.meta.dirname, 'kubernetes-testdata.txt'), 'latin1');
  const entries = JSON.parse(gunzipSync(Buffer.from(text, 'base64')).toString()) as [string, string, string][];
  return entries.map(([name, protobuf, json]) => ({ name, protobuf: Buffer.from(protobuf, 'latin1'), json: Buffer.from(`${json}\n`) }));
}
