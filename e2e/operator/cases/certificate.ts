/** The certificate that a replica shows at its peer port, and the one in the Secret. */
import { X509Certificate } from 'node:crypto';
import { connect } from 'node:tls';
import { issue } from '../../../operator/certificates/issue.ts';
import type { Store } from '../store.ts';

/** Serial number of what the server at ip:port shows, whoever signed it. */
export function shown(ip: string, port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: ip, port, rejectUnauthorized: false, timeout: 5_000 }, () => {
      resolve(socket.getPeerX509Certificate()?.serialNumber ?? '');
      socket.destroy();
    });
    socket.once('error', reject).once('timeout', () => socket.destroy(new Error(`${ip}:${port}: no answer`)));
  });
}

const secretPath = (store: Store, name: string): string => `/api/v1/namespaces/${store.namespace}/secrets/${store.name}-${name}`;

/** Serial number of the one in NAME-peer-tls. */
export async function issued(store: Store): Promise<string> {
  const secret = await store.cluster.api.get(secretPath(store, 'peer-tls')) as { data: Record<string, string> };
  return new X509Certificate(Buffer.from(secret.data['tls.crt'] ?? '', 'base64')).serialNumber;
}

/** Puts a certificate into NAME-peer-tls that was issued so many days ago: the operator issues another when two thirds of a year are over. Returns its serial number. */
export async function age(store: Store, days: number): Promise<string> {
  const secret = async (name: string): Promise<Record<string, string>> => {
    const { data } = await store.cluster.api.get(secretPath(store, name)) as { data: Record<string, string> };
    return Object.fromEntries(Object.entries(data).map(([key, value]) => [key, Buffer.from(value, 'base64').toString()]));
  };
  const [ca, now] = await Promise.all([secret('peer-ca'), secret('peer-tls')]);
  const names = (new X509Certificate(now['tls.crt'] ?? '').subjectAltName ?? '').split(', ').filter((name) => name.startsWith('DNS:')).map((name) => name.slice(4));
  const old = await issue({ certPem: ca['ca.crt'] ?? '', keyPem: ca['ca.key'] ?? '' }, store.name, names, Date.now() - days * 86_400_000);
  const base64 = (text: string): string => Buffer.from(text).toString('base64');
  await store.cluster.api.patch(secretPath(store, 'peer-tls'), { data: { 'tls.crt': base64(old.certPem), 'tls.key': base64(old.keyPem) } });
  return new X509Certificate(old.certPem).serialNumber;
}
