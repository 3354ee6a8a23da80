/**
 * The membership of a cluster: a numbered configuration (REPLICATION.md, 10). What changes it is a function from one configuration to the next,
 * so that a change that lost to another is worked out again on top of it.
 *
 *     voting    a member in full: its consent counts, and nothing is stable without its report
 *     added     recorded, but no disk has come for it yet: nothing is stable without it, its consent is not asked
 *     evicted   was away for too long: its log has been removed, its place is kept; it may come back as a new incarnation
 */
import { errMemberExist, errMemberNotEnoughStarted, errMemberNotFound, errPeerUrlExist, errUnavailable } from '../errors.ts';
import { limits } from '../limits.ts';
import { logName } from '../replica/types.ts';
import type { LogId } from '../replica/types.ts';

export type Standing = 'voting' | 'added' | 'evicted';

export interface ConfiguredMember {
  readonly id: bigint;
  /** Empty until the member has come: etcd's MemberAdd names only URLs. */
  readonly name: string;
  readonly slot: number;
  /** What it writes; null: not known yet. */
  readonly log: LogId | null;
  readonly peerURLs: readonly string[];
  readonly standing: Standing;
}

/** A log whose owner is no member any more. It is inherited, and retired, while it stands here. */
export interface RemovedLog {
  readonly log: LogId;
  /** The configuration that removed it. */
  readonly number: number;
}

export interface Configuration {
  readonly number: number;
  /** Sorted by slot. */
  readonly members: readonly ConfiguredMember[];
  readonly removed: readonly RemovedLog[];
}

/**
 * What becomes of a configuration; null: it says so already, nothing is to be done.
 * @throws EtcdError if it cannot be
 */
export type Change = (from: Configuration) => Configuration | null;

export const voters = (configuration: Configuration): readonly ConfiguredMember[] => configuration.members.filter((m) => m.standing === 'voting');
export const memberOf = (configuration: Configuration, log: LogId): ConfiguredMember | undefined => configuration.members.find((m) => m.log === log);
export const isRemoved = (configuration: Configuration, log: LogId): boolean => configuration.removed.some((r) => r.log === log);

const bySlot = (a: ConfiguredMember, b: ConfiguredMember): number => a.slot - b.slot;

/** The next configuration, with these members; logs that no member writes any more are removed. */
function next(from: Configuration, members: readonly ConfiguredMember[]): Configuration {
  const number = from.number + 1;
  const kept = new Set(members.map((m) => m.log));
  const removed = [...from.removed];
  for (const { log } of from.members) if (log !== null && !kept.has(log) && !isRemoved(from, log)) removed.push({ log, number });
  return { number, members: [...members].sort(bySlot), removed };
}

const replaceMember = (from: Configuration, member: ConfiguredMember): Configuration =>
  next(from, from.members.map((m) => (m.slot === member.slot ? member : m)));

/** The configuration of a cluster that starts: members as everyone was told, logs as yet unknown. */
export function firstConfiguration(members: readonly Omit<ConfiguredMember, 'log' | 'standing'>[]): Configuration {
  return { number: 0, members: members.map(({ id, name, slot, peerURLs }) => ({ id, name, slot, peerURLs, log: null, standing: 'voting' as const })).sort(bySlot), removed: [] };
}

/**
 * The first log met at a slot is bound to it, by each replica for itself until a configuration has been decided. No change of the number.
 * @returns null if nothing is to be bound
 */
export function bind(from: Configuration, slot: number, log: LogId): Configuration | null {
  const member = from.members.find((m) => m.slot === slot);
  if (from.number > 0 || member === undefined || member.log !== null) return null;
  return { ...from, members: from.members.map((m) => (m === member ? { ...m, log } : m)) };
}

/** What two replicas know of a cluster of which nothing has been decided yet. Of two logs at one slot the second counts as removed. */
export function joinViews(a: Configuration, b: Configuration): Configuration {
  if (a.number !== b.number) return a.number > b.number ? a : b;
  let joined = a;
  for (const { slot, log } of b.members) if (log !== null) joined = bind(joined, slot, log) ?? joined;
  const kept = new Set(joined.members.map((m) => m.log));
  const removed = [...joined.removed];
  for (const log of b.members.map((m) => m.log)) if (a.number === 0 && log !== null && !kept.has(log)) removed.push({ log, number: 1 });
  return { ...joined, removed: removed.filter((r, i) => removed.findIndex((q) => q.log === r.log) === i) };
}

/** Every member's log is known: let it be decided, so that nobody can bind a slot to another. */
export const settle: Change = (from) => (from.number > 0 || from.members.some((m) => m.log === null) ? null : { ...from, number: 1 });

const sameUrls = (a: readonly string[], b: readonly string[]): boolean => a.length === b.length && [...a].sort().every((url, i) => url === [...b].sort()[i]);

/** The lowest slot from `base` that nobody has and no unretired log bears. */
export function freeSlot(from: Configuration, base: number): number {
  const taken = new Set(from.members.map((m) => m.slot));
  for (const { log } of from.removed) taken.add(Math.floor(log / 4_294_967_296));
  for (let slot = base; slot < limits.slots; slot++) if (!taken.has(slot)) return slot;
  throw errUnavailable('no slot is free');
}

/** etcd's MemberAdd. @throws errPeerUrlExist, errMemberExist */
export function adding(member: { readonly id: bigint; readonly name: string; readonly slot: number | null; readonly peerURLs: readonly string[] }): Change {
  return (from) => {
    if (from.members.some((m) => m.id === member.id)) throw errMemberExist();
    if (from.members.some((m) => m.peerURLs.some((url) => member.peerURLs.includes(url)))) throw errPeerUrlExist();
    const slot = member.slot ?? freeSlot(from, Math.min(...from.members.map((m) => m.slot)));
    if (from.members.some((m) => m.slot === slot)) throw errUnavailable(`slot ${slot} is taken`);
    return next(from, [...from.members, { ...member, slot, log: null, standing: 'added' }]);
  };
}

/** etcd's MemberRemove: for good. @throws errMemberNotFound */
export function removing(id: bigint): Change {
  return (from) => {
    if (!from.members.some((m) => m.id === id)) throw errMemberNotFound();
    if (from.members.length === 1) throw errMemberNotEnoughStarted();
    return next(from, from.members.filter((m) => m.id !== id));
  };
}

/** Its log is removed, its place stays. */
export function evicting(id: bigint): Change {
  return (from) => {
    const member = from.members.find((m) => m.id === id);
    if (member === undefined) throw errMemberNotFound();
    return member.standing === 'evicted' ? null : replaceMember(from, { ...member, log: null, standing: 'evicted' });
  };
}

/** etcd's MemberUpdate. @throws errMemberNotFound, errPeerUrlExist */
export function updating(id: bigint, peerURLs: readonly string[]): Change {
  return (from) => {
    const member = from.members.find((m) => m.id === id);
    if (member === undefined) throw errMemberNotFound();
    if (from.members.some((m) => m.id !== id && m.peerURLs.some((url) => peerURLs.includes(url)))) throw errPeerUrlExist();
    return sameUrls(member.peerURLs, peerURLs) ? null : replaceMember(from, { ...member, peerURLs: [...peerURLs].sort() });
  };
}

/** Who comes with a disk that has no place yet, or in place of another disk. */
export interface Joiner {
  readonly id: bigint;
  readonly name: string;
  /** null: any. */
  readonly slot: number | null;
  readonly incarnation: number;
  readonly peerURLs: readonly string[];
  /** Logs that this disk, or its predecessor, wrote. */
  readonly earlier: readonly LogId[];
}

/**
 * A disk that has data, and whose place is no log's that it wrote: the others have gone on without it, and forgotten what it cannot know. A place is decided
 * some time after it was asked for, so this is asked of each configuration that it is worked out on.
 */
export const isLeftBehind = (from: Configuration, place: ConfiguredMember | undefined, earlier: readonly LogId[]): boolean =>
  from.number > 0 && earlier.length > 0 && (place === undefined || place.log === null || !earlier.includes(place.log));

/** The place that is meant for a joiner: by name, or, as in etcd, by URLs. */
export const placeOf = (from: Configuration, joiner: Pick<Joiner, 'name' | 'peerURLs'>): ConfiguredMember | undefined =>
  from.members.find((m) => m.name === joiner.name) ?? from.members.find((m) => m.name === '' && sameUrls(m.peerURLs, joiner.peerURLs));

/**
 * A disk takes its place: that of a member that was added, that of a log that is no more, or a new one.
 * @throws EtcdError: its slot is another's, or its disk has been left behind
 */
export function joining(joiner: Joiner): Change {
  return (from) => {
    const place = placeOf(from, joiner);
    if (place !== undefined && joiner.slot !== null && place.slot !== joiner.slot) {
      throw errUnavailable(`${joiner.name} has slot ${place.slot} in this cluster, not ${joiner.slot}`);
    }
    const slot = place?.slot ?? joiner.slot ?? freeSlot(from, Math.min(...from.members.map((m) => m.slot)));
    const other = from.members.find((m) => m.slot === slot && m !== place);
    if (other !== undefined) throw errUnavailable(`slot ${slot} belongs to ${other.name}`);
    const log = slot * 4_294_967_296 + joiner.incarnation;
    if (place?.log === log && place.standing === 'voting' && place.name === joiner.name) return null;
    if (isRemoved(from, log)) throw errUnavailable(`${logName(log)} was removed: it cannot come back under that name`);
    if (isLeftBehind(from, place, joiner.earlier)) throw errUnavailable('the cluster has gone on without this disk');
    const member: ConfiguredMember = { id: place?.id ?? joiner.id, name: joiner.name, slot, log, peerURLs: [...joiner.peerURLs].sort(), standing: 'voting' };
    const joined = next(from, [...from.members.filter((m) => m !== place), member]);
    return withRemoved(joined, joiner.earlier);
  };
}

/** These logs have no owner any more. */
export function withRemoved(configuration: Configuration, logs: readonly LogId[]): Configuration {
  const more = logs.filter((log, i) => memberOf(configuration, log) === undefined && !isRemoved(configuration, log) && logs.indexOf(log) === i);
  return more.length === 0 ? configuration : { ...configuration, removed: [...configuration.removed, ...more.map((log) => ({ log, number: configuration.number }))] };
}

/** Without the removed logs that are retired: nobody needs to hear of them. */
export function withoutRetired(configuration: Configuration, retired: (log: LogId) => boolean): Configuration {
  return { ...configuration, removed: configuration.removed.filter((r) => !retired(r.log)) };
}
