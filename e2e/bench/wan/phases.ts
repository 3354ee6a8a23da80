/** What is measured on a cluster of sites, one thing after the other. */
import { setTimeout as sleep } from 'node:timers/promises';
import * as pb from '../../../datastore/api/generated/etcdserverpb/rpc.ts';
import { Rpc } from '../../robustness/shared/rpc.ts';
import { RANGE_KEY, benchmark } from '../benchmark.ts';
import type { Measurement } from '../benchmark.ts';
import type { Case } from '../cases.ts';
import type { Sites } from './sites.ts';

/** Of one site's client. */
export interface SiteLatency {
  readonly put: Measurement;
  readonly range: Measurement;
}

/** A client at each site, all at the same time, that asks so often at most: an edge site's load, not a race for two cores. */
const RATE_PER_S = 40;
const CASE: Case = { id: 'wan', op: 'put', clients: 1, conns: 1, total: 0, value_bytes: 256, rate_per_s: RATE_PER_S };
const ATTEMPT_MS = 1_000;
const PAUSE_MS = 100;

/** Puts, then linearizable ranges, of one client at every site. `total` of each. */
export async function latencies(sites: Sites, total: number): Promise<SiteLatency[]> {
  const warm = { ...CASE, clients: 20, conns: 5, rate_per_s: 200 };
  await Promise.all(sites.endpoints.map((endpoint) => benchmark([endpoint], warm, 400)));
  const first = new Rpc(sites.endpoints[0] ?? '');
  await first.put(RANGE_KEY, 'v'.repeat(256));
  first.close();
  await sleep(500);
  const puts = await Promise.all(sites.endpoints.map((endpoint) => benchmark([endpoint], CASE, total)));
  const ranges = await Promise.all(sites.endpoints.map((endpoint) => benchmark([endpoint], { ...CASE, op: 'range' }, total)));
  return puts.map((put, i) => ({ put, range: ranges[i]! }));
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
  const written = new Map<string, string>();
  const end = Date.now() + seconds * 1_000;
  const write = async (site: number): Promise<void> => {
    for (let i = 0; Date.now() < end; i++) {
      const key = `wan/${site}/${i % 50}`;
      const value = `${i}`;
      if (site === last) tally.attempts++;
      const answered = await clients[site]!.put(key, value).then(() => true, () => false);
      if (answered) written.set(key, value);
      if (answered && site === last) tally.succeeded++;
      await sleep(PAUSE_MS);
    }
  };
  sites.pairs.isolate(last, true);
  await Promise.all([write(0), write(last)]);
  sites.pairs.healAll();
  const healed = performance.now();
  await Promise.all(clients.map(async (client, site) => {
    for (;;) {
      const all = await client.range('wan/', 'wan0').catch(() => null);
      const found = new Map((all?.kvs ?? []).map((kv) => [kv.key.toString(), kv.value.toString()]));
      const takes = await client.put(`healed/${site}`, 'x').then(() => true, () => false);
      // What was not answered may have happened: only what was, must be there.
      if (takes && all !== null && [...written].every(([key, value]) => Number(found.get(key) ?? -1) >= Number(value))) return;
      await sleep(20);
    }
  }));
  const converge_ms = performance.now() - healed;
  for (const client of clients) client.close();
  return { ...tally, converge_ms };
}

export interface Lag {
  readonly rate_per_s: number;
  readonly p50_ms: number;
  readonly p99_ms: number;
  readonly events: number;
}

/** Writes at the first site at a steady rate; watchers at all others say how old each write is when its event comes, counted from before the put was sent. */
export async function lag(sites: Sites, rate_per_s: number, seconds: number): Promise<Lag> {
  const clients = sites.endpoints.map((endpoint) => new Rpc(endpoint));
  const ages: number[] = [];
  const counting = performance.now() + WARM_MS;
  const calls = await Promise.all(clients.slice(1).map(async (client) => {
    const call = client.watch();
    call.on('error', () => {});
    const created = new Promise<void>((resolve) => void call.once('data', () => resolve()));
    call.on('data', (response: pb.WatchResponse) => {
      const now = performance.now();
      for (const { kv } of response.events) {
        const sent = Number(kv?.value.toString().trim());
        if (sent >= counting) ages.push(now - sent);
      }
    });
    call.write(pb.WatchRequest.fromPartial({ request_union: { $case: 'create_request', value: pb.WatchCreateRequest.fromPartial({ key: Buffer.from('lag/'), range_end: Buffer.from('lag0') }) } }));
    await created;
    return call;
  }));
  const started = performance.now();
  const due = Math.round(rate_per_s * (seconds + WARM_MS / 1_000));
  let answered = 0;
  const puts: Promise<void>[] = [];
  for (let sent = 0; sent < due;) {
    // As many as are due by now: a timer that comes late does not lower the rate.
    const now = Math.min(due, Math.floor(((performance.now() - started) / 1_000) * rate_per_s) + 1);
    for (; sent < now; sent++) {
      puts.push(clients[0]!.put(`lag/${sent % 1_000}`, String(performance.now()).padEnd(VALUE_BYTES)).then(() => void answered++, () => undefined));
    }
    await sleep(1);
  }
  await Promise.all(puts);
  const took_s = (performance.now() - started) / 1_000;
  await sleep(1_000);
  for (const call of calls) call.cancel();
  for (const client of clients) client.close();
  ages.sort((a, b) => a - b);
  const at = (share: number): number => ages[Math.min(ages.length - 1, Math.floor(ages.length * share))] ?? Number.NaN;
  return { rate_per_s: answered / took_s, p50_ms: at(0.5), p99_ms: at(0.99), events: ages.length };
}

const WARM_MS = 2_000;
const VALUE_BYTES = 256;
