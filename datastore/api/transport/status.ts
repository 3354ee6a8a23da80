/** gRPC status: how an error becomes trailers. The one place where errors are mapped. */
import { Code, EtcdError } from '../../errors.ts';

export interface Status {
  readonly code: Code;
  readonly message: string;
}

/**
 * An `EtcdError` is answered as it is. Anything else is a programmer's error: the client learns its text as etcd's would
 * (codes.Unknown), and the caller logs it.
 */
export function statusOf(error: unknown): Status {
  if (error instanceof EtcdError) return error;
  return { code: Code.UNKNOWN, message: error instanceof Error ? error.message : String(error) };
}

const plain = /^[\x20-\x24\x26-\x7e]*$/;

/** Percent-encoding of `grpc-message`: every byte outside printable ASCII, and `%`. */
export function encodeMessage(message: string): string {
  if (plain.test(message)) return message;
  let encoded = '';
  for (const byte of Buffer.from(message)) {
    const literal = byte >= 0x20 && byte <= 0x7e && byte !== 0x25;
    encoded += literal ? String.fromCharCode(byte) : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return encoded;
}

const units: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1_000, m: 1, u: 1e-3, n: 1e-6 };

/** `grpc-timeout` in milliseconds; null if malformed. */
export function parseTimeoutMs(value: string): number | null {
  const match = /^(\d{1,8})([HMSmun])$/.exec(value);
  return match === null ? null : Number(match[1]) * units[match[2]!]!;
}
