/** What is measured on a cluster of sites, one thing after the other. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Rpc } from '../../robustness/shared/rpc.ts';
import { RANGE_KEY, benchmark } from '../benchmark.ts';
import type { Measurement } from '../benchmark.ts';
import type { Case } from '../cases.ts';
import type { Sites } from './sites.ts';

/** Of one site's client. */
export interface SiteLatency {
  readonly put: Measurement;
  readonly range: Measurement;
  /** Puts of clients at all sites at the same time, RATE_PER_S each at most: an edge site's load. */
  readonly paced: Measurement;
}

const RATE_PER_S = 40;
const CASE: Case = { id: 'wan', op: 'put', clients: 1, conns: 1, total: 0, value_bytes: 256 };
const PACED_MAX = 400;
const ATTEMPT_MS = 1_000;
const PAUSE_MS = 100;

/**
 * Puts, then linearizable ranges, of one client at every site, `total` of each, as fast as it is answered. One site after the other, for in a wide area each
 * has processors of its own, and here all share two.
 * @param together at all sites at once all the same: who waits for other sites does not compete for processors
 */
export async function latencies(sites: Sites, total: number, together: boolean): Promise<SiteLatency[]> {
  const warm = { ...CASE, clients: 20, conns: 5, rate_per_s: 200 };
  await Promise.all(sites.endpoints.map((endpoint) => benchmark([endpoint], warm, 400)));
  const first = new Rpc(sites.endpoints[0] ?? '');
  await first.put(RANGE_KEY, 'v'.repeat(256));
  first.close();
  await sleep(500);
  const paced = await Promise.all(sites.endpoints.map((endpoint) => benchmark([endpoint], { ...CASE, rate_per_s: RATE_PER_S }, Math.min(total, PACED_MAX))));
  if (together) {
    const ranges = await Promise.all(sites.endpoints.map((endpoint) => benchmark([endpoint], { ...CASE, op: 'range' }, total)));
    return paced.map((put, i) => ({ put, range: ranges[i]!, paced: put }));
  }
  const latencies: SiteLatency[] = [];
  for (const [i, endpoint] of sites.endpoints.entries()) {
    const put = await benchmark([endpoint], CASE, total);
    const range = await benchmark([endpoint], { ...CASE, op: 'range' }, total);
    latencies.push({ put, range, paced: paced[i]! });
  }
  return latencies;
}

/** At which site etcd's leader is; null: none. (An EdgeStore replica calls itself the leader: there is none.) */
export async function leader(sites: Sites): Promise<number | null> {
  const found = await Promise.all(sites.endpoints.map(async (endpoint) => {
    const response = await fetch(`${endpoint}/v3/maintenance/status`, { method: 'POST', body: '{}' });
    const { leader: id, header } = (await response.json()) as { leader?: string; header: { member_id: string } };
    return id !== undefined && id !== '0' && id === header.member_id;
  }));
  const site = found.indexOf(true);
  return site < 0 ? null : site;
}

export interface Partition {
  /** Puts at the site that is cut off, and of those, answered. */
  readonly attempts: number;
  readonly succeeded: number;
  /** From healing until every site has what was written on both sides, and takes writes. */
  readonly converge_ms: number;
}

/** Cuts the last site off, silently, for a while; clients at it and at the first one go on writing. */
export async function partition(sites: Sites, seconds: number): Promise<Partition> {
  const last = sites.endpoints.length - 1;
  const clients = sites.endpoints.map((endpoint) => new Rpc(endpoint, {}, ATTEMPT_MS));
  const tally = { attempts: 0, succeeded: 0 };
  const written = new Set<string>();
  const end = Date.now() + seconds * 1_000;
  const write = async (site: number): Promise<void> => {
    for (let i = 0; Date.now() < end; i++) {
      // A key of its own: what was not answered may happen later, and would be put over what was.
      const key = `wan/${site}/${i}`;
      if (site === last) tally.attempts++;
      const answered = await clients[site]!.put(key, 'x').then(() => true, () => false);
      if (answered) written.add(key);
      if (answered && site === last) tally.succeeded++;
      await sleep(PAUSE_MS);
    }
  };
  await sites.links.isolate(last);
  await Promise.all([write(0), write(last)]);
  await sites.links.healAll();
  const healed = performance.now();
  await Promise.all(clients.map(async (client, site) => {
    for (;;) {
      const all = await client.range('wan/', 'wan0').catch(() => null);
      const found = new Set((all?.kvs ?? []).map((kv) => kv.key.toString()));
      const takes = await client.put(`healed/${site}`, 'x').then(() => true, () => false);
      // What was not answered may have happened: only what was, must be there.
      if (takes && all !== null && [...written].every((key) => found.has(key))) return;
      await sleep(20);
    }
  }));
  const converge_ms = performance.now() - healed;
  for (const client of clients) client.close();
  return { ...tally, converge_ms };
}
