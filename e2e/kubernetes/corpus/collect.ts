/** Has a real apiserver write one of everything, and reads what it wrote. */
import { edgestoreCluster } from '../../support/edgestore.ts';
import { TempDir } from '../../support/temp.ts';
import { ControlPlane } from '../control-plane.ts';
import { createAll, Discovery, objects } from './objects.ts';

export const formats = ['protobuf', 'json'] as const;
export type Format = (typeof formats)[number];

export interface Stored {
  readonly key: string;
  readonly value: Buffer;
}

/** Kinds that are created and listed, and of which the corpus has none, with the reason. */
const without: Readonly<Record<string, string>> = {
  'certificates.k8s.io/PodCertificateRequest': 'needs a signature over the uid of a running pod',
};

/** All that an apiserver stores, in its own way: every value below /registry. `missing`: kinds that it serves and the corpus lacks. */
export async function collect(format: Format): Promise<{ readonly stored: Stored[]; readonly missing: string[] }> {
  await using dir = TempDir.create(`corpus-${format}`);
  await using store = await edgestoreCluster({ dir: dir });
  await store.start();
  await using plane = await ControlPlane.create({
    dir: dir, name: format, etcd: store.endpoints[0]!, apiserverOnly: true,
    apiserverFlags: [
      `--storage-media-type=application/${format === 'json' ? 'json' : 'vnd.kubernetes.protobuf'}`,
      '--runtime-config=api/all=true', '--feature-gates=AllAlpha=true,AllBeta=true,CBORServingAndStorage=false',
    ],
  });
  await plane.start();
  const discovery = new Discovery(plane.api);
  const kinds = await discovery.stored(); // before there is an APIService that nobody serves
  await createAll(plane.api, discovery);
  const have = new Set(objects().map(({ apiVersion = '', kind }) => `${apiVersion.includes('/') ? apiVersion.split('/')[0] : ''}/${kind}`));
  const missing = kinds.filter((kind) => !have.has(kind) && !(kind in without));
  return { stored: await readAll(store.endpoints[0]!), missing };
}

async function readAll(endpoint: string): Promise<Stored[]> {
  const base64 = (text: string): string => Buffer.from(text).toString('base64');
  const response = await fetch(`${endpoint}/v3/kv/range`, { method: 'POST', body: JSON.stringify({ key: base64('/registry/'), range_end: base64('/registry0') }) });
  const { kvs = [] } = (await response.json()) as { kvs?: { key: string; value: string }[] };
  return kvs.map(({ key, value }) => ({ key: Buffer.from(key, 'base64').toString(), value: Buffer.from(value, 'base64') }));
}
