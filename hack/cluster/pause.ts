/** The image of the process that holds a pod's namespaces: `sleep`, with the libraries that it is linked with. */
import { realpathSync } from 'node:fs';
import { buildImage } from '../image/oci.ts';
import { librariesOf } from '../image/runtime.ts';
import { Tree } from '../image/tree.ts';

const SLEEP = '/bin/sleep';

/** An OCI archive under `name`. */
export function pauseImage(name: string): Buffer {
  const tree = new Tree();
  tree.copy('bin/sleep', realpathSync(SLEEP));
  for (const path of librariesOf(SLEEP)) tree.copy(path.slice(1), realpathSync(path));
  return buildImage({
    name, version: '1', architecture: process.arch === 'arm64' ? 'arm64' : 'amd64',
    config: { Entrypoint: ['/bin/sleep', 'infinity'], User: '65535:65535' },
    layers: [{ note: 'sleep', entries: tree.sorted() }],
  }).archive;
}
