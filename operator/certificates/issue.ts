/** Certificates of the operator's own making: a CA per EdgeStore and port, and one certificate for all its replicas. ECDSA P-256. */
import { X509Certificate } from 'node:crypto';
import type { webcrypto } from 'node:crypto';
import { CA_DAYS, CERTIFICATE_DAYS } from '../limits.ts';

export interface KeyPair {
  readonly certPem: string;
  /** PKCS #8. */
  readonly keyPem: string;
}

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const DAY_MS = 86_400_000;
/** Clocks differ. */
const BEFORE_MS = 300_000;

// Loaded when the first certificate is made: it costs 20 MB.
const library = () => import('@peculiar/x509');

const pem = (label: string, der: ArrayBuffer): string => `-----BEGIN ${label}-----\n${Buffer.from(der).toString('base64').match(/.{1,64}/g)?.join('\n')}\n-----END ${label}-----\n`;
const keyPem = async (key: webcrypto.CryptoKey): Promise<string> => pem('PRIVATE KEY', await crypto.subtle.exportKey('pkcs8', key));
const serial = (): string => `01${Buffer.from(crypto.getRandomValues(new Uint8Array(15))).toString('hex')}`;
const generate = (): Promise<webcrypto.CryptoKeyPair> => crypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);

/** A CA that signs itself. */
export async function makeCa(name: string, now_ms: number): Promise<KeyPair> {
  const x509 = await library();
  const keys = await generate();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serial(),
    name: [{ CN: [name] }],
    notBefore: new Date(now_ms - BEFORE_MS),
    notAfter: new Date(now_ms + CA_DAYS * DAY_MS),
    signingAlgorithm: ALGORITHM,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { certPem: `${certificate.toString('pem')}\n`, keyPem: await keyPem(keys.privateKey) };
}

/** A certificate for servers and clients alike. @param hosts DNS names, wildcards too */
export async function issue(ca: KeyPair, name: string, hosts: readonly string[], now_ms: number): Promise<KeyPair> {
  const x509 = await library();
  const issuer = new x509.X509Certificate(ca.certPem);
  const der = Buffer.from(ca.keyPem.replace(/-----[^-]+-----|\s/g, ''), 'base64');
  const signingKey = await crypto.subtle.importKey('pkcs8', der, ALGORITHM, false, ['sign']);
  const keys = await generate();
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serial(),
    subject: [{ CN: [name] }],
    issuer: issuer.subjectName,
    notBefore: new Date(now_ms - BEFORE_MS),
    notAfter: new Date(Math.min(now_ms + CERTIFICATE_DAYS * DAY_MS, issuer.notAfter.getTime())),
    signingAlgorithm: ALGORITHM,
    publicKey: keys.publicKey,
    signingKey,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth, x509.ExtendedKeyUsage.clientAuth]),
      new x509.SubjectAlternativeNameExtension([...hosts.map((value) => ({ type: 'dns' as const, value })), { type: 'ip', value: '127.0.0.1' }, { type: 'ip', value: '::1' }]),
      await x509.AuthorityKeyIdentifierExtension.create(await issuer.publicKey.export()),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { certPem: `${certificate.toString('pem')}\n`, keyPem: await keyPem(keys.privateKey) };
}

/** Why a certificate must be made anew; null: it is good. */
export function wornOut(certPem: string, caPem: string, hosts: readonly string[], now_ms: number, share: number): string | null {
  let certificate: X509Certificate;
  let ca: X509Certificate;
  try {
    certificate = new X509Certificate(certPem);
    ca = new X509Certificate(caPem);
  } catch {
    return 'it cannot be read';
  }
  const [from, to] = [Date.parse(certificate.validFrom), Date.parse(certificate.validTo)];
  if (now_ms > from + (to - from) * share) return `it is valid until ${certificate.validTo}`;
  if (!certificate.checkIssued(ca) || !certificate.verify(ca.publicKey)) return 'another CA has issued it';
  const names = new Set((certificate.subjectAltName ?? '').split(', ').map((name) => name.replace(/^DNS:/, '')));
  const missing = hosts.find((host) => !names.has(host));
  return missing === undefined ? null : `it does not name ${missing}`;
}
