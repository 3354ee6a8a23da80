/**
 * Group and kind of a value, from its first bytes and without decoding it: `coordination.k8s.io/Lease`, `Pod`.
 *
 * Protobuf: "k8s\0", then runtime.Unknown, whose first field is TypeMeta { apiVersion = 1, kind = 2 }. JSON: apiserver writes `kind` and `apiVersion`
 * first, in this order (built-in kinds), or all names sorted (custom resources), where `apiVersion` is first and `kind` comes next, mostly.
 */
const PROTOBUF = [0x6b, 0x38, 0x73, 0x00, 0x0a] as const;
const JSON_KIND = /^\{"kind":"([A-Za-z0-9]+)","apiVersion":"([^"]+)"|^\{"apiVersion":"([^"]+)","kind":"([A-Za-z0-9]+)"/;
const PEEK_BYTES = 256;

/** @returns '' if it cannot be told so easily */
export function peekKind(value: Uint8Array): string {
  if (value[0] === 0x7b) {
    const match = JSON_KIND.exec(latin1(value, 0, Math.min(value.length, PEEK_BYTES)));
    return match === null ? '' : nameOf(match[2] ?? match[3]!, match[1] ?? match[4]!);
  }
  if (!PROTOBUF.every((byte, i) => value[i] === byte)) return '';
  // All three lengths are below 128 in every object there is; others are not told.
  const versionAt = 6;
  if (value[versionAt] !== 0x0a) return '';
  const versionLength = value[versionAt + 1] ?? 0x80;
  const kindAt = versionAt + 2 + versionLength;
  const kindLength = value[kindAt + 1] ?? 0x80;
  if (versionLength > 127 || value[kindAt] !== 0x12 || kindLength > 127) return '';
  return nameOf(latin1(value, versionAt + 2, versionLength), latin1(value, kindAt + 2, kindLength));
}

const latin1 = (bytes: Uint8Array, at: number, length: number): string => Buffer.from(bytes.buffer, bytes.byteOffset + at, Math.min(length, bytes.length - at)).toString('latin1');

function nameOf(apiVersion: string, kind: string): string {
  const slash = apiVersion.indexOf('/');
  return slash < 0 ? kind : `${apiVersion.slice(0, slash)}/${kind}`;
}
