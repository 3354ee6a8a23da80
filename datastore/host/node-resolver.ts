/** Names over the system's resolver, or over DNS servers that were named. */
import { lookup, Resolver as DnsResolver } from 'node:dns/promises';
import { isIP } from 'node:net';
import { limits } from '../limits.ts';
import type { Clock, Resolver } from './host.ts';

/** How long a DNS server may take, and how often it is asked. */
const SERVER_MS = 1_500;
const TRIES = 2;

const reasons: Readonly<Record<string, string>> = {
  ENOTFOUND: 'there is no such name',
  ENODATA: 'the name has no such records',
  ESERVFAIL: 'the DNS server failed',
  EREFUSED: 'the DNS server refuses',
  ETIMEOUT: 'the DNS server does not answer',
  ECONNREFUSED: 'no DNS server answers',
  EAI_AGAIN: 'the DNS server does not answer',
};

/**
 * A Resolver. The system's way of finding addresses (hosts file, search domains) unless `servers` are given; SRV records always come from DNS.
 *
 * At most one look-up of a name is under way: getaddrinfo occupies a thread for as long as a dead DNS server lets it wait, and nobody can call it off. (libuv
 * gives it half of its threads at most, so the disk is never kept waiting.)
 * @param servers IP or IP:port
 */
export function nodeResolver(clock: Clock, servers: readonly string[] = []): Resolver {
  const dns = (): DnsResolver => {
    // A new one each time: it reads /etc/resolv.conf when it is made.
    const resolver = new DnsResolver({ timeout: SERVER_MS, tries: TRIES });
    if (servers.length > 0) resolver.setServers(servers);
    return resolver;
  };
  const underWay = new Map<string, Promise<unknown>>();
  const once = async <T>(key: string, ask: () => Promise<T>): Promise<T> => {
    let answer = underWay.get(key) as Promise<T> | undefined;
    if (answer === undefined) {
      answer = ask().finally(() => underWay.delete(key));
      underWay.set(key, answer);
    }
    return within(clock, key, answer);
  };
  const system = async (host: string): Promise<string[]> => (await lookup(host, { all: true, verbatim: true })).map(({ address }) => address);
  const asked = async (host: string): Promise<string[]> => {
    if (host === 'localhost') return ['127.0.0.1'];
    const resolver = dns();
    const answers = await Promise.allSettled([resolver.resolve4(host), resolver.resolve6(host)]);
    const found = answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []));
    const [first] = answers;
    if (found.length === 0 && first?.status === 'rejected') throw first.reason;
    return found;
  };
  return {
    async addresses(host) {
      if (isIP(host) !== 0) return [host];
      const found = await once(host, () => (servers.length > 0 ? asked(host) : system(host)));
      return [...new Set(found)].sort().slice(0, limits.resolved_addresses);
    },
    async services(name) {
      const found = await once(`SRV ${name}`, () => dns().resolveSrv(name));
      return found
        .map((record) => ({ host: record.name.replace(/\.$/, ''), port: record.port }))
        .sort((a, b) => (a.host === b.host ? a.port - b.port : a.host < b.host ? -1 : 1))
        .slice(0, limits.resolved_addresses);
    },
  };
}

/** What `answer` says, or an Error that a person understands; nobody waits longer than `resolve_ms`. */
function within<T>(clock: Clock, what: string, answer: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = clock.after(limits.resolve_ms, () => reject(new Error(`${what}: the DNS server does not answer`)));
    answer.then(
      (value) => {
        timer.cancel();
        resolve(value);
      },
      (error: NodeJS.ErrnoException) => {
        timer.cancel();
        reject(new Error(`${what}: ${reasons[error.code ?? ''] ?? error.message}`, { cause: error }));
      },
    );
  });
}
