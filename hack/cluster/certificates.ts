/** The cluster's keys and certificates, made by openssl: a CA of its own, and one more for the aggregation layer, as kube-apiserver wants. */
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { apiserverService } from './settings.ts';
import type { Settings } from './settings.ts';
import { sh } from './shell.ts';

const DAYS = '30';
const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

export interface Certificates {
  /** The path of a file in the folder of certificates. */
  readonly path: (file: string) => string;
}

function authority(path: (file: string) => string, name: string): void {
  sh('openssl', 'req', '-x509', ...key, '-days', DAYS, '-subj', `/CN=${name}`, '-keyout', path(`${name}.key`), '-out', path(`${name}.crt`),
    '-addext', 'basicConstraints=critical,CA:TRUE', '-addext', 'keyUsage=critical,keyCertSign,cRLSign');
}

function certificate(path: (file: string) => string, ca: string, name: string, subject: string, extensions: readonly string[]): void {
  sh('openssl', 'req', '-x509', '-CA', path(`${ca}.crt`), '-CAkey', path(`${ca}.key`), ...key, '-days', DAYS, '-subj', subject,
    '-keyout', path(`${name}.key`), '-out', path(`${name}.crt`), '-addext', 'basicConstraints=critical,CA:FALSE',
    ...extensions.flatMap((extension) => ['-addext', extension]));
}

/** Makes what is not there. */
export function makeCertificates(settings: Settings): Certificates {
  const folder = join(settings.folder, 'pki');
  const path = (file: string): string => join(folder, file);
  if (existsSync(path('done'))) return { path };
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const client = ['extendedKeyUsage=clientAuth'];
  const names = ['kubernetes', 'kubernetes.default', 'kubernetes.default.svc', 'kubernetes.default.svc.cluster.local', 'localhost'].map((name) => `DNS:${name}`);
  const addresses = [...new Set(['127.0.0.1', settings.address, apiserverService(settings)])].map((address) => `IP:${address}`);
  authority(path, 'ca');
  authority(path, 'front-proxy-ca');
  certificate(path, 'ca', 'apiserver', '/CN=kube-apiserver', ['extendedKeyUsage=serverAuth', `subjectAltName=${[...names, ...addresses].join(',')}`]);
  certificate(path, 'ca', 'kubelet', `/CN=${settings.name}`, ['extendedKeyUsage=serverAuth', `subjectAltName=DNS:${settings.name},IP:${settings.address}`]);
  certificate(path, 'ca', 'apiserver-kubelet', '/O=system:masters/CN=kube-apiserver-kubelet', client);
  certificate(path, 'front-proxy-ca', 'front-proxy', '/CN=front-proxy', client);
  sh('openssl', 'genpkey', '-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048', '-out', path('sa.key'));
  sh('openssl', 'pkey', '-in', path('sa.key'), '-pubout', '-out', path('sa.pub'));
  sh('touch', path('done'));
  return { path };
}
