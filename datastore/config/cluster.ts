/** Who the replicas are: ids as etcd computes them, slots from names. */
import { createHash } from 'node:crypto';
import { ConfigError } from './errors.ts';
import { parseAddress } from './urls.ts';
import { limits } from '../limits.ts';

export interface Member {
  readonly name: string;
  /** Sorted. */
  readonly peerUrls: readonly string[];
  readonly id: bigint;
}

function firstEightBytes(data: Uint8Array | string): bigint {
  return createHash('sha1').update(data).digest().readBigUInt64BE(0);
}

/** etcd's id of a bootstrap member: SHA-1 over its sorted peer URLs and the cluster's token (membership/member.go). */
export function memberId(peerUrls: readonly string[], token: string): bigint {
  return firstEightBytes(peerUrls.toSorted().join('') + token);
}

/** etcd's cluster id: SHA-1 over the members' ids in order (membership/cluster.go). */
export function clusterId(memberIds: readonly bigint[]): bigint {
  const bytes = Buffer.alloc(8 * memberIds.length);
  memberIds.toSorted((a, b) => (a < b ? -1 : 1)).forEach((id, i) => bytes.writeBigUInt64BE(id, 8 * i));
  return firstEightBytes(bytes);
}

/** Reads `name=url,name=url`; a name may come several times. Sorted by name. Throws ConfigError. */
export function parseInitialCluster(text: string, token: string): Member[] {
  const urls = new Map<string, string[]>();
  for (const part of text.split(',').map((piece) => piece.trim()).filter((piece) => piece !== '')) {
    const equals = part.indexOf('=');
    if (equals <= 0) throw new ConfigError(`--initial-cluster: "${part}" is not NAME=URL`);
    const name = part.slice(0, equals);
    let url: string;
    try {
      url = parseAddress(part.slice(equals + 1)).url;
    } catch (error) {
      throw new ConfigError(`--initial-cluster: ${(error as Error).message}`);
    }
    // The same pair twice is no contradiction: a list of some members, followed by the replica itself, may name it both times.
    const known = urls.get(name) ?? [];
    if (!known.includes(url)) urls.set(name, [...known, url]);
  }
  const all = [...urls.values()].flat();
  if (new Set(all).size !== all.length) throw new ConfigError(`initial cluster ${text} has duplicate url`);
  return [...urls.keys()].sort().map((name) => {
    const peerUrls = (urls.get(name) ?? []).sort();
    return { name, peerUrls, id: memberId(peerUrls, token) };
  });
}

/**
 * The ordinal of each name, alike on every replica that has the same list: if all names end in -N and the numbers differ and are
 * small enough for a slot (the pods of a StatefulSet), those numbers; otherwise their places in the sorted list.
 */
export function ordinals(names: readonly string[]): Map<string, number> {
  const sorted = names.toSorted();
  const numbers = sorted.map((name) => Number(/-(\d{1,3})$/.exec(name)?.[1] ?? Number.NaN));
  const usable = numbers.every((n) => n < limits.slots) && new Set(numbers).size === numbers.length;
  return new Map(sorted.map((name, i) => [name, usable ? (numbers[i] ?? i) : i]));
}
