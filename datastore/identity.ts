/**
 * Who this replica is: what its disk says; or, if that is empty, what it was told and what the cluster answers.
 *
 * The incarnation with which it asks for a place is on its disk before anybody hears of it, as an empty file `asked-<incarnation>`. A replica that dies between
 * the answer and its first entry asks with the same one again and finds its place. If it drew another each time, its place would be counted in every
 * majority and belong to a log that nobody is ever going to write.
 */
import { join } from 'node:path';
import { mark, membersThen } from './aside.ts';
import { memberId } from './config/cluster.ts';
import { withInitialCluster } from './config/settings.ts';
import type { Settings } from './config/settings.ts';
import { ConfigError } from './config/errors.ts';
import type { Candidate, Discovery } from './discovery/discovery.ts';
import { askToJoin } from './gossip/join.ts';
import type { Host } from './host/host.ts';
import type { Logger } from './host/log.ts';
import { limits } from './limits.ts';
import { decodeJoined, encodeJoin } from './membership/codec.ts';
import type { JoinAnswer } from './membership/codec.ts';
import { bind, firstConfiguration } from './membership/configuration.ts';
import type { SavedMembership } from './membership/membership.ts';
import { incarnationOf, slotOf } from './replica/types.ts';
import type { LogId } from './replica/types.ts';
import type { Store } from './store/store.ts';
import type { Identified } from './store/types.ts';

type Net = Pick<Host, 'net' | 'clock'>;

/** How many are asked for a place at a time. */
const ASKED_MAX = 64;

const ASKED = /^asked-([0-9a-f]{8})$/;

const asked = async ({ disk }: Host, dataDir: string): Promise<string[]> => (await disk.list(dataDir)).filter((name) => ASKED.test(name)).sort();

/** The incarnation with which a place is asked for, durably. */
async function incarnationToAsk(host: Host, dataDir: string): Promise<number> {
  const [known] = await asked(host, dataDir);
  if (known !== undefined) return Number.parseInt(ASKED.exec(known)![1]!, 16);
  const incarnation = host.random.uint32();
  await mark(host.disk, dataDir, `asked-${incarnation.toString(16).padStart(8, '0')}`);
  return incarnation;
}

/** It has its identity, or the one that it asked with is of no use. */
async function forgetAsked(host: Host, dataDir: string): Promise<void> {
  const names = await asked(host, dataDir);
  for (const name of names) await host.disk.remove(join(dataDir, name));
  if (names.length > 0) await host.disk.syncDir(dataDir);
}

const hexId = (id: bigint): string => id.toString(16);

function selfOf(settings: Settings, { id, configuration }: SavedMembership, slot: number): Identified['self'] {
  const place = configuration.members.find((m) => m.id === id);
  return { id, name: settings.name, slot, peerURLs: place?.peerURLs ?? settings.advertisePeerUrls, clientURLs: settings.advertiseClientUrls };
}

function first(settings: Settings): SavedMembership {
  const configuration = firstConfiguration(settings.initialCluster.map(({ id, name, slot, peerUrls }) => ({ id, name, slot, peerURLs: peerUrls })));
  return { clusterId: hexId(settings.clusterId), id: settings.memberId, configuration, vote: null };
}

/**
 * The settings of a replica whose first companions DNS names. Waits until the records are there and this replica is among them: in a cluster that is just
 * being set up they may come later than the replica.
 */
async function withFirstReplicas(settings: Settings, host: Host, log: Logger, discovery: Discovery): Promise<Settings> {
  let told = '';
  for (;;) {
    let why: string;
    try {
      const members = await discovery.members();
      const own = members.find(({ url }) => settings.advertisePeerUrls.includes(url));
      if (own !== undefined && own.name !== settings.name) throw new ConfigError(`--name must be ${own.name}: the SRV record of this replica (${own.url}) says so, and all replicas must give it the same name`);
      if (own !== undefined) return withInitialCluster(settings, members.map(({ name, url }) => `${name}=${url}`).join(','));
      why = `the SRV records name ${members.map(({ url }) => url).join(', ')}, none of which is this replica's (--initial-advertise-peer-urls=${settings.advertisePeerUrls.join(',')})`;
    } catch (error) {
      if (error instanceof ConfigError) throw error;
      why = error instanceof Error ? error.message : String(error);
    }
    if (why !== told) log.warn('the first replicas are not known yet; looking again', { why });
    told = why;
    await new Promise<void>((resolve) => host.clock.after(limits.join_retry_ms, resolve));
  }
}

/** For `StoreOptions.identify`. Rejects with what a person must decide; waits as long as a replica that joins must wait. */
export function identify(given: Settings, host: Host, log: Logger, discovery: Discovery | null = null): (saved: SavedMembership | null, recovered: LogId | null) => Promise<Identified> {
  return async (saved, recovered) => {
    // What the disk says needs no DNS.
    const settings = discovery !== null && given.discovery.first && saved === null ? await withFirstReplicas(given, host, log, discovery) : given;
    if (recovered !== null) await forgetAsked(host, settings.dataDir);
    const incarnation = recovered === null ? host.random.uint32() : incarnationOf(recovered);
    if (recovered !== null && settings.slotGiven && slotOf(recovered) !== settings.slot) {
      throw new ConfigError(`the data folder belongs to slot ${slotOf(recovered)}, this replica is told to be slot ${settings.slot}`);
    }
    if (saved !== null) {
      const place = saved.configuration.members.find((m) => m.id === saved.id);
      if (place !== undefined && place.name !== settings.name) throw new ConfigError(`the data folder belongs to ${place.name}, this replica is told to be ${settings.name}`);
      return { self: selfOf(settings, saved, place?.slot ?? slotOf(recovered ?? 0)), membership: saved, incarnation };
    }
    const fresh = first(settings);
    if (recovered !== null) return { self: selfOf(settings, fresh, slotOf(recovered)), membership: { ...fresh, configuration: bind(fresh.configuration, slotOf(recovered), recovered) ?? fresh.configuration }, incarnation };
    const urls = settings.initialCluster.filter((member) => member.name !== settings.name).flatMap((member) => member.peerUrls);
    // All that it was told at its first start may be gone by the time that its disk is set aside.
    for (const url of await membersThen(host.disk, settings.dataDir)) if (!urls.includes(url) && !settings.advertisePeerUrls.includes(url)) urls.push(url);
    const whom = async (): Promise<readonly Candidate[]> => [...urls.map((url) => ({ url, address: null })), ...(await discovery?.find() ?? [])];
    if (urls.length === 0 && discovery === null) return { self: selfOf(settings, fresh, settings.slot), membership: fresh, incarnation };
    const found = await place(settings, host, log, whom);
    if (found.answer === null || (found.answer.result === 'bootstrap' && !settings.joining)) return { self: selfOf(settings, fresh, settings.slot), membership: fresh, incarnation: found.incarnation };
    const { answer } = found;
    const membership: SavedMembership = { clusterId: answer.clusterId, id: answer.id, configuration: answer.configuration ?? fresh.configuration, vote: null };
    return { self: selfOf(settings, membership, answer.slot), membership, incarnation: found.incarnation };
  };
}

/** Asks the members for a place until one has an answer. `answer` null: nobody is there, and it need not be waited for. */
async function place(settings: Settings, host: Host, log: Logger, whom: () => Promise<readonly Candidate[]>): Promise<{ answer: JoinAnswer | null; incarnation: number }> {
  const request = (incarnation: number): Uint8Array => encodeJoin({
    token: settings.initialClusterToken,
    clusterId: settings.joining ? '' : hexId(settings.clusterId),
    id: settings.memberId,
    name: settings.name,
    slot: settings.slotGiven ? settings.slot : null,
    incarnation,
    peerURLs: settings.advertisePeerUrls,
    earlier: [],
  });
  let told = '';
  let incarnation = await incarnationToAsk(host, settings.dataDir);
  for (;;) {
    const asked = request(incarnation);
    const answers = await Promise.all((await whom()).slice(0, ASKED_MAX).map((candidate) => ask(host, candidate, asked)));
    const said = (result: JoinAnswer['result']): JoinAnswer | undefined => answers.find((a): a is JoinAnswer => !(a instanceof Error) && a.result === result);
    const refused = said('refused');
    if (refused !== undefined) throw new ConfigError(`the cluster refuses this replica: ${refused.reason}`);
    const found = said('joined') ?? said('bootstrap');
    if (found !== undefined) return { answer: found, incarnation };
    // It had a place, the answer was lost, and it was away for so long that the place was taken from it.
    if (said('spent') !== undefined) {
      await forgetAsked(host, settings.dataDir);
      incarnation = await incarnationToAsk(host, settings.dataDir);
    }
    const retry = said('retry') ?? said('spent');
    if (retry === undefined && !settings.joining) return { answer: null, incarnation };
    const why = retry?.reason ?? (answers.map((a) => (a instanceof Error ? a.message : '')).join('; ') || 'nobody to ask is known');
    if (why !== told) log.warn('no place in the cluster yet; asking again', { why });
    told = why;
    await new Promise<void>((resolve) => host.clock.after(limits.join_retry_ms, resolve));
  }
}

async function ask({ net, clock }: Net, { url, address }: Candidate, request: Uint8Array): Promise<JoinAnswer | Error> {
  try {
    return decodeJoined(await askToJoin(net, clock, url, request, address ?? undefined));
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

/** A running replica asks for a place for the log that it writes now. */
export function encodedJoin(host: Net, whom: Candidate, token: string, store: Store): Promise<JoinAnswer | Error> {
  const { membership, self, replica } = store;
  const earlier = [...replica.logs.keys()].filter((log) => slotOf(log) === self.slot && log !== replica.log && !replica.retired.has(log));
  return ask(host, whom, encodeJoin({
    token, clusterId: membership.clusterId, id: self.id, name: self.name, slot: self.slot, incarnation: incarnationOf(replica.log),
    peerURLs: self.peerURLs, earlier,
  }));
}

/** etcd's id of a member: by its URLs and the cluster's token. One that was a member before gets the same one. */
export const idOf = (token: string) => (peerURLs: readonly string[]): bigint => memberId([...peerURLs].sort(), token);
