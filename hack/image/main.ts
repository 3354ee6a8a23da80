/**
 * Builds the container image without docker and without a base image.
 *
 *   npm run image -- [--name REGISTRY/REPOSITORY:TAG] [--out FILE]
 *
 * Writes an OCI archive and prints its digest. What is in it comes from node_modules (Node itself included) and, for the C and C++ libraries that
 * Node is linked with, from this machine (Linux with glibc).
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { buildImage } from './oci.ts';
import type { Image } from './oci.ts';
import { dependenciesTree, programTree } from './program.ts';
import { NONROOT, architectureOf, runtimeTree } from './runtime.ts';

const ROOT = join(import.meta.dirname, '../..');

/** The image of the checkout at `root`, under `name`. Throws if Node's package is not installed. */
export function edgestoreImage(root: string, name: string, version: string): Image {
  const node = join(root, `node_modules/node-linux-${process.arch}`);
  if (!existsSync(node)) throw new Error(`${node} is missing: images are built on Linux (x64, arm64), after npm ci`);
  return buildImage({
    name,
    version,
    architecture: architectureOf(node),
    config: {
      User: `${NONROOT}:${NONROOT}`,
      Env: ['PATH=/usr/local/bin', 'NODE_ENV=production', 'SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt'],
      Entrypoint: ['/usr/local/bin/edgestore'],
      WorkingDir: '/var/lib/edgestore',
      ExposedPorts: { '2379/tcp': {}, '2380/tcp': {} },
      Labels: { 'org.opencontainers.image.title': 'EdgeStore', 'org.opencontainers.image.version': version, 'org.opencontainers.image.licenses': 'Apache-2.0' },
    },
    layers: [
      { note: 'Node and the system libraries it needs', entries: runtimeTree(node).sorted() },
      { note: 'production dependencies', entries: dependenciesTree(root).sorted() },
      { note: 'EdgeStore', entries: programTree(root).sorted() },
    ],
  });
}

/** The name under which the chart asks for it. */
export const defaultName = (version: string): string => `edgestore.dev/edgestore:${version}`;

export const versionOf = (root: string): string => (JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }).version;

if (import.meta.main) {
  const version = versionOf(ROOT);
  const { values } = parseArgs({ options: { name: { type: 'string', default: defaultName(version) }, out: { type: 'string', default: 'dist/edgestore-image.tar' } } });
  const image = edgestoreImage(ROOT, values.name, version);
  const out = resolve(values.out);
  mkdirSync(dirname(out), { recursive: true });
  writeFileSync(out, image.archive);
  const mib = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
  console.log(`${values.name}\n${image.digest}\n${out}: ${mib(image.archive.length)}, unpacked ${mib(image.unpackedBytes)}`);
}
