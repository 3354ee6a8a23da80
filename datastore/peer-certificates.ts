/** The certificates of the links to peers: read again when their files change, as those for clients are (api/transport/tls.ts). */
import { readFile } from 'node:fs/promises';
import type { TlsOptions } from 'node:tls';
import { Certificates } from './api/transport/tls.ts';
import type { ReadFile } from './api/transport/tls.ts';
import type { TlsFiles } from './config/settings.ts';
import type { Clock } from './host/host.ts';
import type { Logger } from './host/log.ts';
import type { NodeNetwork, TlsMaterial } from './host/node-net.ts';

/**
 * From now on new links, in both directions, are made with what the files hold; links that stand are kept. Files that come not to fit together leave the old certificates in use.
 * Rejects if they cannot be read now, or do not fit together.
 * @returns reads them again on demand; close it at the end
 */
export async function followPeerCertificates(
  files: TlsFiles, { clock, net }: { readonly clock: Clock; readonly net: Pick<NodeNetwork, 'reloadTls'> }, log: Logger, read: ReadFile = (path) => readFile(path),
): Promise<Certificates> {
  const certificates = await Certificates.open(files, read, clock, log);
  const use = (): void => net.reloadTls(materialOf(certificates.options()));
  use();
  certificates.onChange(use);
  return certificates;
}

const materialOf = ({ cert, key, ca, requestCert }: TlsOptions): TlsMaterial =>
  ({ cert: String(cert), key: String(key), ...(ca === undefined ? {} : { ca: String(ca) }), requireClientCert: requestCert === true });
