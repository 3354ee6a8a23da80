/**
 * Whether two members may talk. Both sides judge the other's hello by the same rules, so both refuse, and both say why. The judgement is
 * a pure function; what it takes time to find out (is the link that this one would replace still alive?) is `mesh.ts`'s.
 */
import { timingSafeEqual } from 'node:crypto';
import { slotOf } from '../replica/types.ts';
import { closeReasons } from './close-codes.ts';
import type { CloseReason } from './close-codes.ts';
import type { Hello } from './hello.ts';

/** Secrets are compared in a time that does not tell how much of them is right. */
function sameProof(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}

/**
 * @param connected hellos of the peers that are connected now
 * @param isMember whether a name stands in the configuration
 * @returns why `theirs` is refused, or null
 */
export function judge(mine: Hello, theirs: Hello, connected: readonly Hello[], isMember: (name: string) => boolean): CloseReason | null {
  if (theirs.clusterId !== mine.clusterId) return closeReasons.wrongCluster;
  if (!sameProof(theirs.proof, mine.proof)) return closeReasons.badProof;
  if (commonVersion(mine, theirs) === null) return closeReasons.version;
  if (slotOf(theirs.log) !== theirs.slot) return closeReasons.malformed;
  if (theirs.run === mine.run) return closeReasons.self;
  if (theirs.log === mine.log) return closeReasons.duplicateIdentity;
  if (theirs.slot === mine.slot || theirs.name === mine.name || theirs.memberId === mine.memberId) return closeReasons.slotClash;
  if (!isMember(theirs.name)) return closeReasons.notMember;
  for (const other of connected) {
    if (other.name === theirs.name) continue;
    if (other.log === theirs.log) return closeReasons.duplicateIdentity;
    if (other.slot === theirs.slot || other.memberId === theirs.memberId) return closeReasons.slotClash;
  }
  return null;
}

/** The highest version that both speak, or null. */
export function commonVersion(a: Hello, b: Hello): number | null {
  const version = Math.min(a.versionMax, b.versionMax);
  return version >= Math.max(a.versionMin, b.versionMin) ? version : null;
}

/**
 * Two links to the same process: which of them stays. The member with the lower id decides by having dialled; both ends see the same two
 * dialers and so keep the same link. If one side dialled both, it gave up the first: the newer stays.
 * @returns whether the newer link replaces the older
 */
export function newerStays(mine: Hello, theirs: Hello, olderDialledHere: boolean, newerDialledHere: boolean): boolean {
  if (olderDialledHere === newerDialledHere) return true;
  return newerDialledHere === mine.memberId < theirs.memberId;
}
