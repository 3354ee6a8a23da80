/** The Secrets with certificates of the operator's own making (tls.*.source SelfSigned). */
import { hostNames } from '../desired/certificate.ts';
import { kinds, owned } from '../desired/kinds.ts';
import type { Wanted } from '../desired/kinds.ts';
import { caSecretName, tlsSecretName } from '../desired/names.ts';
import { RENEW_SHARE } from '../limits.ts';
import type { EdgeStore } from '../resource/edgestore.ts';
import type { KubeObject } from '../runtime/objects.ts';
import { issue, makeCa, wornOut } from './issue.ts';

export type Port = 'client' | 'peer';

export interface Issued {
  readonly wanted: readonly Wanted[];
  /** Why, for an Event. */
  readonly why: string;
}

const encode = (values: Readonly<Record<string, string>>): Record<string, string> => Object.fromEntries(Object.entries(values).map(([key, value]) => [key, Buffer.from(value).toString('base64')]));

/** What stands in a Secret; '' what does not. */
export const secretText = (secret: KubeObject | undefined, key: string): string => Buffer.from((secret?.['data'] as Record<string, string> | undefined)?.[key] ?? '', 'base64').toString('utf8');

/**
 * What must be written so that the port has good certificates; null: nothing.
 * @param find the Secret of that name, as it is
 */
export async function issueIfNeeded(store: EdgeStore, port: Port, clusterDomain: string, find: (name: string) => KubeObject | undefined, now_ms: number): Promise<Issued | null> {
  if (store.spec.tls[port].source !== 'SelfSigned') return null;
  const { name } = store.metadata;
  const hosts = hostNames(store, port, clusterDomain);
  const [caName, tlsName] = [caSecretName(name, port), tlsSecretName(name, port)];
  const [caSecret, tlsSecret] = [find(caName), find(tlsName)];
  const kept = { certPem: secretText(caSecret, 'ca.crt'), keyPem: secretText(caSecret, 'ca.key') };
  const caWorn = caSecret === undefined ? 'there is none' : wornOut(kept.certPem, kept.certPem, [], now_ms, RENEW_SHARE);
  const worn = caWorn ?? (tlsSecret === undefined ? 'there is none' : wornOut(secretText(tlsSecret, 'tls.crt'), kept.certPem, hosts, now_ms, RENEW_SHARE));
  if (worn === null) return null;
  const ca = caWorn === null ? kept : await makeCa(`${name} ${port} CA`, now_ms);
  const made = await issue(ca, name, hosts, now_ms);
  // Trusted besides its own: the CA before, so that replicas with an old certificate and with a new one still reach each other.
  const before = caWorn !== null && kept.certPem !== '' ? kept.certPem : '';
  const secret = (secretName: string, type: string, data: Readonly<Record<string, string>>): Wanted => owned(store, kinds.secret, secretName, { type, data: encode(data) });
  return {
    why: worn,
    wanted: [
      ...(caWorn === null ? [] : [secret(caName, 'Opaque', { 'ca.crt': ca.certPem, 'ca.key': ca.keyPem })]),
      secret(tlsName, 'kubernetes.io/tls', { 'tls.crt': made.certPem, 'tls.key': made.keyPem, 'ca.crt': ca.certPem + before }),
    ],
  };
}
