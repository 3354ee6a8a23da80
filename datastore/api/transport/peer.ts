import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';
import type { Peer } from './types.ts';

/** Who is at the other end of a socket. Asked once a connection. */
export function peerOf(socket: Duplex): Peer {
  const address = socket instanceof Socket && socket.remoteAddress !== undefined ? `${socket.remoteAddress}:${socket.remotePort}` : '@';
  if (!(socket instanceof TLSSocket) || !socket.authorized) return { address, commonName: null };
  const { CN } = socket.getPeerCertificate().subject ?? {};
  return { address, commonName: (Array.isArray(CN) ? CN[0] : CN) ?? null };
}
