import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { Server as TlsServer } from 'node:https';
import { isIPv6 } from 'node:net';
import type { AddressInfo, LookupFunction, Socket } from 'node:net';
import { WebSocket, WebSocketServer } from 'ws';
import { limits } from '../limits.ts';
import type { Clock, Link, Network, Resolver } from './host.ts';
import { NodeLink } from './node-link.ts';
import { nodeResolver } from './node-resolver.ts';

/** PEM texts. What peers show each other; the same for both roles. */
export interface TlsMaterial {
  readonly cert?: string;
  readonly key?: string;
  /** Who signs the peers' certificates. Default: the system's authorities. */
  readonly ca?: string;
  /** Peers that connect must show a certificate signed by `ca`. */
  readonly requireClientCert?: boolean;
  readonly minVersion?: 'TLSv1.2' | 'TLSv1.3';
  readonly maxVersion?: 'TLSv1.2' | 'TLSv1.3';
  /** OpenSSL's names, colon separated. */
  readonly ciphers?: string;
}

export interface NodeNetworkOptions {
  readonly clock: Clock;
  /** Default: the system's. */
  readonly names?: Resolver;
  readonly tls?: TlsMaterial;
  /** Time to connect, TLS and upgrade included. */
  readonly dialTimeoutMs?: number;
  /** How often an idle link is pinged. */
  readonly pingMs?: number;
  /** A link on which nothing at all has arrived for this long is closed. */
  readonly deadMs?: number;
}

export interface Listener {
  /** The URL with the port that was bound (of use when 0 was asked for). */
  readonly url: string;
  close(): Promise<void>;
}

export interface NodeNetwork extends Network {
  listen(url: string, onLink: (link: Link) => void): Promise<Listener>;
  /** New certificates, for new connections in both directions; links that stand are kept. */
  reloadTls(tls: TlsMaterial): void;
}

/** Room for what frames a message adds around the largest one. */
const SLACK_BYTES = 65_536;
/** Of a name with several addresses the next one is tried when one has not connected by then. */
const ATTEMPT_MS = 1_500;
/** Names whose attempts are counted. */
const TURNS_MAX = 1_024;

/**
 * Links as WebSockets, over TLS for https URLs. Messages are binary and whole. No permessage-deflate: it costs twelve times the CPU.
 */
export function nodeNetwork(options: NodeNetworkOptions): NodeNetwork {
  let tls = options.tls ?? {};
  const secured = new Set<TlsServer>();
  const keepalive = { clock: options.clock, pingMs: options.pingMs ?? 3_000, deadMs: options.deadMs ?? 10_000 };
  const maxPayload = limits.frame_bytes + SLACK_BYTES;
  const names = options.names ?? nodeResolver(options.clock);
  /** How often each name has been dialled. */
  const turns = new Map<string, number>();
  const addresses = async (host: string): Promise<readonly string[]> => {
    const all = await names.addresses(host);
    const turn = turns.get(host) ?? 0;
    if (turns.size > TURNS_MAX) turns.clear();
    turns.set(host, turn + 1);
    const first = turn % all.length;
    return [...all.slice(first), ...all.slice(0, first)];
  };

  return {
    async dial(url, address) {
      const { socketUrl, secure, host } = parsePeerUrl(url);
      const to = address === undefined ? await addresses(host) : [address];
      return new Promise((resolve, reject) => {
        const socket = new WebSocket(socketUrl, {
          perMessageDeflate: false,
          maxPayload,
          handshakeTimeout: options.dialTimeoutMs ?? 5_000,
          ...reaching(to),
          ...(secure ? { ...material(tls), generateMask } : {}),
        });
        // Stays: an error that nobody listens to would end the process.
        socket.on('error', reject);
        socket.once('open', () => {
          resolve(new NodeLink(socket, new URL(socketUrl).host, keepalive));
        });
      });
    },

    async listen(url, onLink) {
      const { host, port, secure } = parsePeerUrl(url);
      const server = secure ? createTlsServer(serverMaterial(tls), refuse) : createServer(refuse);
      if (secure) secured.add(server as TlsServer);
      const sockets = new WebSocketServer({ noServer: true, perMessageDeflate: false, maxPayload, clientTracking: true });
      server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
        sockets.handleUpgrade(request, socket, head, (webSocket) => {
          onLink(new NodeLink(webSocket, `${socket.remoteAddress}:${socket.remotePort}`, keepalive));
        });
      });
      await listening(server, port, host);
      const bound = new URL(url);
      bound.port = String((server.address() as AddressInfo).port);
      return {
        url: bound.origin,
        async close() {
          secured.delete(server as TlsServer);
          const closed = new Promise<void>((resolve) => server.close(() => resolve()));
          for (const webSocket of sockets.clients) webSocket.terminate();
          server.closeAllConnections();
          await closed;
        },
      };
    },

    reloadTls(next) {
      tls = next;
      for (const server of secured) server.setSecureContext(serverMaterial(next));
    },
  };
}

/** For Node's connect, whose own way of looking names up this replaces: the host has these addresses. */
function reaching(addresses: readonly string[]): { lookup: LookupFunction; autoSelectFamily: boolean; autoSelectFamilyAttemptTimeout: number } {
  const all = addresses.map((address) => ({ address, family: isIPv6(address) ? 6 : 4 }));
  return {
    lookup(_host, { all: wanted }, callback) {
      // Later, as a real one: a connection that fails at once (no route: the interface is down) would do so before anybody listens, which ends the process.
      setImmediate(() => {
        if (wanted === true) callback(null, all);
        else callback(null, all[0]?.address ?? '', all[0]?.family);
      });
    },
    autoSelectFamily: all.length > 1,
    autoSelectFamilyAttemptTimeout: ATTEMPT_MS,
  };
}

/** A peer URL is http or https with a host and a port, and nothing else matters. */
function parsePeerUrl(url: string): { socketUrl: string; host: string; port: number; secure: boolean } {
  const { protocol, hostname, port, host, pathname } = new URL(url);
  if (protocol !== 'http:' && protocol !== 'https:') throw new Error(`peer URL ${url}: http or https expected`);
  const secure = protocol === 'https:';
  return {
    socketUrl: `${secure ? 'wss' : 'ws'}://${host}${pathname}`,
    host: hostname.replace(/^\[|\]$/g, ''),
    port: port === '' ? (secure ? 443 : 80) : Number(port),
    secure,
  };
}

/** What both roles take. */
function material({ requireClientCert: _, ...rest }: TlsMaterial): Omit<TlsMaterial, 'requireClientCert'> {
  return rest;
}

const serverMaterial = (tls: TlsMaterial) => ({
  ...material(tls),
  requestCert: tls.requireClientCert ?? false,
  rejectUnauthorized: tls.requireClientCert ?? false,
});

/**
 * WebSocket masking guards old proxies against bytes that look like HTTP. Inside TLS no proxy sees them, so there the mask is zero,
 * which ws recognises and skips a pass over every message.
 */
function generateMask(mask: Buffer): void {
  mask.fill(0);
}

/** An ordinary request on the peer port: say what this is. */
function refuse(_request: IncomingMessage, response: ServerResponse): void {
  response.writeHead(426, { 'content-type': 'text/plain', upgrade: 'websocket' }).end('this port is for EdgeStore peers (WebSocket)\n');
}

function listening(server: Server | TlsServer, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve();
    });
  });
}
