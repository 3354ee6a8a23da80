import { connect } from 'node:tls';
import { setImmediate as turn } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import { certificate } from './api/fake/certificates.ts';
import { silent } from './host/log.ts';
import { nodeClock } from './host/node-clock.ts';
import { nodeNetwork } from './host/node-net.ts';
import { followPeerCertificates } from './peer-certificates.ts';
import { ManualClock } from './testing/manual-clock.ts';

const ca = certificate('test CA');

/** Whose certificate the port shows to a peer that has one of its own. */
function shown(port: number): Promise<string> {
  const own = certificate('peer', ca);
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, ca: ca.certPem, cert: own.certPem, key: own.keyPem }, () => {
      resolve(socket.getPeerCertificate().subject.CN as string);
      socket.destroy();
    }).on('error', reject);
  });
}

test('certificates for peers that are renewed in place are used for new links; files that do not fit together are not', async () => {
  const first = certificate('first', ca);
  const files = new Map([['cert', first.certPem], ['key', first.keyPem], ['ca', ca.certPem]]);
  const clock = new ManualClock();
  const net = nodeNetwork({ clock: nodeClock, tls: { cert: first.certPem, key: first.keyPem, ca: ca.certPem, requireClientCert: true } });
  const listener = await net.listen('https://127.0.0.1:0', (link) => link.close(1000, ''));
  const port = Number(new URL(listener.url).port);
  const paths = { certFile: 'cert', keyFile: 'key', trustedCaFile: 'ca', clientCertAuth: true, minVersion: 'TLSv1.2', maxVersion: 'TLSv1.3', cipherSuites: [] } as const;
  const following = await followPeerCertificates(paths, { clock, net }, silent, (path) => Promise.resolve(Buffer.from(files.get(path)!)));
  const later = async (): Promise<void> => {
    clock.advance(11_000);
    for (let i = 0; i < 20; i++) await turn();
  };
  try {
    expect(await shown(port)).toBe('first');
    const second = certificate('second', ca);
    files.set('cert', second.certPem);
    await later();
    expect(await shown(port)).toBe('first'); // another's key
    files.set('key', second.keyPem);
    await later();
    expect(await shown(port)).toBe('second');
  } finally {
    following.close();
    await listener.close();
  }
});
