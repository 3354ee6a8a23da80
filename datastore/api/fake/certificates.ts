/** Certificates for tests, made here: X.509 in DER, signed with ECDSA P-256. No openssl needed. */
import { type KeyObject, generateKeyPairSync, sign } from 'node:crypto';

export interface TestCertificate {
  readonly certPem: string;
  readonly keyPem: string;
}

interface Issuer extends TestCertificate {
  readonly name: string;
  readonly key: KeyObject;
}

function der(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(parts);
  const length = body.length < 128 ? [body.length] : body.length < 256 ? [0x81, body.length] : [0x82, body.length >> 8, body.length & 255];
  return Buffer.concat([Buffer.from([tag, ...length]), body]);
}
const sequence = (...parts: Uint8Array[]) => der(0x30, ...parts);
const oid = (...bytes: number[]) => der(0x06, Buffer.from(bytes));
const bits = (bytes: Uint8Array) => der(0x03, Buffer.from([0]), bytes);
const ecdsaWithSha256 = sequence(oid(0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02));
const commonName = (name: string) => sequence(der(0x31, sequence(oid(0x55, 0x04, 0x03), der(0x0c, Buffer.from(name)))));
const extension = (id: number, critical: boolean, value: Buffer) =>
  sequence(oid(0x55, 0x1d, id), ...(critical ? [der(0x01, Buffer.from([0xff]))] : []), der(0x04, value));
const pem = (label: string, bytes: Buffer) => `-----BEGIN ${label}-----\n${bytes.toString('base64').match(/.{1,64}/g)!.join('\n')}\n-----END ${label}-----\n`;

let serial = 0;

/** @param issuer undefined: signs itself, and may sign others */
export function certificate(name: string, issuer?: Issuer): Issuer {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const authority = issuer === undefined;
  // localhost, 127.0.0.1 and ::1.
  const names = sequence(der(0x82, Buffer.from('localhost')), der(0x87, Buffer.from([127, 0, 0, 1])), der(0x87, Buffer.concat([Buffer.alloc(15), Buffer.from([1])])));
  const extensions = sequence(
    extension(0x13, true, sequence(...(authority ? [der(0x01, Buffer.from([0xff]))] : []))),
    extension(0x11, false, names),
  );
  const tbs = sequence(
    der(0xa0, der(0x02, Buffer.from([2]))),
    der(0x02, Buffer.from([1, ++serial & 127])),
    ecdsaWithSha256,
    commonName(issuer?.name ?? name),
    sequence(der(0x17, Buffer.from('200101000000Z')), der(0x17, Buffer.from('491231235959Z'))),
    commonName(name),
    publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, extensions),
  );
  const signature = sign('sha256', tbs, issuer?.key ?? privateKey);
  return {
    name,
    key: privateKey,
    certPem: pem('CERTIFICATE', sequence(tbs, ecdsaWithSha256, bits(signature))),
    keyPem: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
  };
}
