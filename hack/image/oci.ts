/** An OCI image layout in one tar, as `ctr image import`, `podman load`, `skopeo` and docker (25 and newer) take it. */
import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { tar } from './tar.ts';
import type { TarEntry } from './tar.ts';

export interface ImageOptions {
  /** The whole name, registry/repository:tag. */
  readonly name: string;
  /** As Go names them: amd64, arm64. */
  readonly architecture: string;
  readonly version: string;
  /** The container's own settings (image-spec, config.md). */
  readonly config: Readonly<Record<string, unknown>>;
  /** From the bottom up; each with a line for `docker history`. */
  readonly layers: readonly { readonly note: string; readonly entries: readonly TarEntry[] }[];
}

export interface Image {
  readonly archive: Buffer;
  /** Of the manifest: what `image@sha256:…` names. */
  readonly digest: string;
  /** All layers unpacked. */
  readonly unpackedBytes: number;
}

interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

const EPOCH = '1970-01-01T00:00:00Z';

/** Builds it. The same options give the same bytes, with the same Node (whose zlib compresses). */
export function buildImage(options: ImageOptions): Image {
  const blobs = new Map<string, Uint8Array>();
  const add = (mediaType: string, data: Uint8Array): Descriptor => {
    const digest = `sha256:${sha256(data)}`;
    blobs.set(digest, data);
    return { mediaType, digest, size: data.length };
  };
  const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));

  const layers = options.layers.map(({ note, entries }) => {
    const plain = tar(entries);
    return { note, bytes: plain.length, diff: `sha256:${sha256(plain)}`, descriptor: add('application/vnd.oci.image.layer.v1.tar+gzip', gzipSync(plain)) };
  });
  const config = add('application/vnd.oci.image.config.v1+json', json({
    created: EPOCH,
    architecture: options.architecture,
    os: 'linux',
    config: options.config,
    rootfs: { type: 'layers', diff_ids: layers.map((layer) => layer.diff) },
    history: layers.map((layer) => ({ created: EPOCH, created_by: layer.note })),
  }));
  const manifest = add('application/vnd.oci.image.manifest.v1+json', json({
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    config,
    layers: layers.map((layer) => layer.descriptor),
    annotations: { 'org.opencontainers.image.version': options.version },
  }));
  const index = json({
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.index.v1+json',
    manifests: [{
      ...manifest,
      platform: { architecture: options.architecture, os: 'linux' },
      annotations: { 'io.containerd.image.name': options.name, 'org.opencontainers.image.ref.name': options.name },
    }],
  });
  const file = (path: string, data: Uint8Array): TarEntry => ({ path, kind: 'file', mode: 0o644, data });
  const archive = tar([
    file('oci-layout', json({ imageLayoutVersion: '1.0.0' })),
    file('index.json', index),
    ...[...blobs].sort(([a], [b]) => (a < b ? -1 : 1)).map(([digest, data]) => file(`blobs/${digest.replace(':', '/')}`, data)),
  ]);
  return { archive, digest: manifest.digest, unpackedBytes: layers.reduce((sum, layer) => sum + layer.bytes, 0) };
}

const sha256 = (data: Uint8Array): string => createHash('sha256').update(data).digest('hex');
