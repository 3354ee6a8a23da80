/**
 * Kubernetes' own serialization test data (module k8s.io/api, testdata/HEAD, Apache-2.0): each kind with every field set, in protobuf and in JSON. As one
 * compressed text, for unit tests: JSON of [name, protobuf as latin1, JSON], gzip, base64.
 */
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { Module } from './modules.ts';
import { isStored } from './table.ts';

export function testdata(modules: readonly Module[]): string {
  const dir = join(modules.find((module) => module.path === 'k8s.io/api')!.dir, 'testdata/HEAD');
  const names = readdirSync(dir).filter((file) => file.endsWith('.pb')).map((file) => file.slice(0, -3)).filter((name) => isStored(name)).sort();
  const entries = names.map((name) => [
    name, readFileSync(join(dir, `${name}.pb`), 'latin1'), JSON.stringify(JSON.parse(readFileSync(join(dir, `${name}.json`), 'utf8'))),
  ]);
  return `${gzipSync(JSON.stringify(entries), { level: 9 }).toString('base64').replaceAll(/(.{200})/g, '$1\n')}\n`;
}
