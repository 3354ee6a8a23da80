/** URLs of members, as etcd checks them (client/pkg/types/urls.go, server/embed/config.go). */
import { ConfigError } from './errors.ts';
import { parseList } from './values.ts';

/** `host:port` with the host in brackets if it is IPv6; the host may be empty. */
const HOST_PORT = /^(\[[0-9a-fA-F:.%]+\]|[^:[\]/]*):(\d{1,5})$/;
const IPV4 = /^\d{1,3}(\.\d{1,3}){3}$/;
const IPV6 = /^[0-9a-fA-F:.]*:[0-9a-fA-F:.]*:[0-9a-fA-F:.]*$/;

/** Whether it looks like an address and not like a name; IPv6 without brackets. */
export const isIpAddress = (host: string): boolean => IPV4.test(host) || IPV6.test(host);

/**
 * Where something listens or is reached.
 * `unix://host:port` is etcd's way: a socket file named `host:port` in the working directory.
 */
export interface Address {
  readonly url: string;
  readonly scheme: 'http' | 'https' | 'unix' | 'unixs';
  readonly tls: boolean;
  /** Without brackets; '' means every interface. Empty for unix sockets. */
  readonly host: string;
  readonly port: number;
  /** The socket's path; empty for TCP. */
  readonly path: string;
}

/** Reads one URL as etcd does: a scheme, `host:port`, no path. Throws ConfigError. */
export function parseAddress(text: string): Address {
  const url = text.trim();
  const match = /^([a-zA-Z][a-zA-Z0-9+.-]*):(?:\/\/)?(.*)$/.exec(url);
  const scheme = match?.[1]?.toLowerCase();
  const rest = match?.[2] ?? '';
  if (scheme === 'unix' || scheme === 'unixs') {
    if (rest === '') throw new ConfigError(`URL of a unix socket needs a path: ${url}`);
    return { url, scheme, tls: scheme === 'unixs', host: '', port: 0, path: rest };
  }
  if (scheme !== 'http' && scheme !== 'https') {
    throw new ConfigError(`URL scheme must be http, https, unix, or unixs: ${url}`);
  }
  const slash = rest.indexOf('/');
  const authority = slash < 0 ? rest : rest.slice(0, slash);
  const hostPort = HOST_PORT.exec(authority);
  if (hostPort === null || Number(hostPort[2]) > 65_535) {
    throw new ConfigError(`URL address does not have the form "host:port": ${url}`);
  }
  if (slash >= 0) throw new ConfigError(`URL must not contain a path: ${url}`);
  const host = (hostPort[1] ?? '').replace(/^\[|\]$/g, '');
  return { url, scheme, tls: scheme === 'https', host, port: Number(hostPort[2]), path: '' };
}

/** A comma-separated list, sorted as etcd sorts it; duplicates count once. */
export function parseAddresses(text: string): Address[] {
  const byUrl = new Map(parseList(text).map((part) => {
    const address = parseAddress(part);
    return [address.url, address] as const;
  }));
  return [...byUrl.values()].sort((a, b) => (a.url < b.url ? -1 : 1));
}

/** etcd's checkBindURLs: who listens names an IP, localhost, or nothing. */
export function checkBind(addresses: readonly Address[]): void {
  for (const { scheme, host, url } of addresses) {
    if (scheme === 'unix' || scheme === 'unixs') continue;
    if (host === 'localhost' || IPV4.test(host) || host.includes(':')) continue;
    throw new ConfigError(`expected IP in URL for binding (${url})`);
  }
}

/** etcd's checkHostURLs: what is advertised names a host. */
export function checkHosts(addresses: readonly Address[]): void {
  for (const { scheme, host, url } of addresses) {
    if (scheme !== 'unix' && scheme !== 'unixs' && host === '') throw new ConfigError(`unexpected empty host (${url})`);
  }
}
