/**
 * Which write is meant, and what its author had seen.
 *
 * slot         a replica's small number, 0 to 255
 * incarnation  one life of a slot on one disk: a random 32-bit number drawn when the disk is initialised
 * log          `slot.incarnation`: a Y.Doc that only its owner writes
 * stamp        (Lamport counter, log): names one transaction
 * context      for every log the highest Lamport counter that the author of a write held
 */

/** `slot * 2^32 + incarnation`: names a log; also the tie-break between stamps of equal Lamport counter. */
export type LogId = number;
export const logId = (slot: number, incarnation: number): LogId => slot * 4_294_967_296 + incarnation;
export const slotOf = (log: LogId): number => Math.floor(log / 4_294_967_296);
export const incarnationOf = (log: LogId): number => log % 4_294_967_296;
export const logName = (log: LogId): string => `${slotOf(log)}.${incarnationOf(log).toString(16).padStart(8, '0')}`;

export interface Stamp {
  readonly lamport: number;
  readonly log: LogId;
}
/** Total order of stamps: Lamport counter, then slot, then incarnation. */
export const compareStamps = (a: Stamp, b: Stamp): number => a.lamport - b.lamport || a.log - b.log;

export type Context = ReadonlyMap<LogId, number>;
/** True if the author of a write with this context had seen the write `s`. */
export const inContext = (context: Context, s: Stamp): boolean => (context.get(s.log) ?? 0) >= s.lamport;
