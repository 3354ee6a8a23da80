/**
 * Why a link between two members was closed, as a WebSocket close code (4000 to 4999 are an application's own).
 * `retry`: soon: the usual backoff; slowly: someone has to change something first, so only the longest backoff is worth it.
 */
import type { Level } from '../host/log.ts';

export interface CloseReason {
  readonly code: number;
  /** Travels in the close frame, at most 123 bytes; constant. */
  readonly name: string;
  readonly retry: 'soon' | 'slowly';
  readonly level: Level;
}

const reason = (code: number, name: string, retry: CloseReason['retry'], level: Level): CloseReason => ({ code, name, retry, level });

export const closeReasons = {
  /** The other side drains or stops. */
  stopping: reason(4000, 'stopping', 'soon', 'info'),
  /** A message that cannot be decoded, or whose checksum is wrong. */
  malformed: reason(4001, 'malformed message', 'soon', 'warn'),
  wrongCluster: reason(4002, 'wrong cluster', 'slowly', 'error'),
  /** Two members with one slot: their revisions would collide. */
  slotClash: reason(4003, 'slot clash', 'slowly', 'error'),
  /** No version of the protocol that both understand. */
  version: reason(4004, 'no common wire version', 'slowly', 'error'),
  notMember: reason(4005, 'not a member', 'slowly', 'warn'),
  /** The same log is written by two running processes: a cloned disk. */
  duplicateIdentity: reason(4006, 'duplicate identity', 'slowly', 'error'),
  /** The pair has another link; this one is not needed. */
  duplicateLink: reason(4007, 'duplicate link', 'soon', 'debug'),
  /** A peer URL that leads back here. */
  self: reason(4008, 'self', 'slowly', 'warn'),
  handshakeTimeout: reason(4009, 'handshake timeout', 'soon', 'warn'),
  /** Nothing was heard for too long: half open. */
  silent: reason(4010, 'silent', 'soon', 'warn'),
  overloaded: reason(4011, 'overloaded', 'soon', 'warn'),
  /** A message that is well formed but not allowed here, such as data before the handshake. */
  unexpected: reason(4012, 'unexpected message', 'soon', 'warn'),
  /** The shared secret does not match. */
  badProof: reason(4013, 'proof of membership refused', 'slowly', 'error'),
  /** The configuration that this side knows has removed the other. */
  removed: reason(4014, 'removed', 'slowly', 'warn'),
  /** A peer's URL led to another member (an address that was given to someone else). */
  notTheOneDialled: reason(4015, 'not the member dialled', 'soon', 'warn'),
  /** This side's disk is an old copy; it must take a new incarnation before it exchanges anything. */
  staleDisk: reason(4016, 'stale disk', 'slowly', 'error'),
  /** The slot belongs to the log of another disk: this one must ask for a place. */
  otherDisk: reason(4017, 'slot belongs to another disk', 'soon', 'warn'),
  /** The answer to a join has been given. */
  answered: reason(4018, 'answered', 'soon', 'debug'),
} as const satisfies Record<string, CloseReason>;

const byCode: ReadonlyMap<number, CloseReason> = new Map(Object.values(closeReasons).map((r) => [r.code, r]));

/** What a close code from the other side means; null if it is none of ours (a broken connection, a proxy). */
export const closeReason = (code: number): CloseReason | null => byCode.get(code) ?? null;
