/**
 * What passes between replicas. A frame is applied whole, and only once it is covered: all that its updates depend on is there.
 *
 *     u8       format version, 1
 *     u8       kind: 0 = push (own updates of one group commit), 1 = anti-entropy (all that is missing in all logs), 2 = repair (all there is)
 *     u8 u32   log of the sender
 *     vector   dependencies: what the sender held when it made the updates
 *     varuint  updates
 *       u8 u32   log
 *       varuint  clock from, clock to, highest Lamport counter of the log
 *       bytes    a sync message of y-protocols (2 = update in a push, 1 = step 2 otherwise) with one V1 update
 *     varuint  `at` of the newest retirement that the sender knows
 *     varuint  retired logs, if the receiver lacks some; each: u8 u32 log, varuint final clock, Lamport counter, at (retirements.ts)
 *     varuint  digests of the logs at `dependencies`, in a repair; each: u8 u32 log, varuint digest
 *     varuint  reports
 *       u8 u32   log of the member
 *       varuint  number, configuration of the membership that it knows (or DOUBTFUL), `at` of the newest retirement that it knows
 *       vector   what it holds durably
 *     u32      CRC-32 of everything before: most bit flips in an update pass Yjs unnoticed
 *
 * A vector is `varuint count`, then for each log `u8 slot, u32 incarnation, varuint clock, varuint lamport`.
 */
import { crc32 } from 'node:zlib';
import { messageYjsSyncStep2, messageYjsUpdate } from 'y-protocols/sync';
import { limits } from '../limits.ts';
import { MalformedError, Reader, varuintLength, Writer } from '../bytes.ts';
import type { LogUpdate } from './log-doc.ts';
import { crcOf } from './record.ts';
import { readRetirements, writeRetirements } from './retirements.ts';
import type { Retirement } from './retirements.ts';
import type { LogId } from './types.ts';
import { readDigests, readLog, readVector, writeDigests, writeLog, writeVector } from './vector.ts';
import type { Vector } from './vector.ts';

export const FRAME_VERSION = 1;
export const FrameKind = { push: 0, antiEntropy: 1, repair: 2 } as const;
export type FrameKind = (typeof FrameKind)[keyof typeof FrameKind];

/**
 * In place of the configuration's number: nobody has vouched for this disk yet. It may be a copy of one that is elsewhere, or older than that was. Others
 * vouch for their own disks by it, but it counts for nothing that they forget by, or take to be in safety: the real one may not have it. (An earlier version
 * takes it for a configuration that it does not know, and forgets nothing meanwhile.)
 */
export const DOUBTFUL = 2 ** 32 - 1;

/**
 * What a member says it durably holds. `number` grows; `config` is the number of the newest membership configuration it knows, `newest` the
 * `at` of the newest retirement.
 */
export interface Report {
  readonly log: LogId;
  readonly number: number;
  readonly config: number;
  readonly newest: number;
  /** Of every log that it has not retired. */
  readonly held: Vector;
}

export interface Frame {
  readonly kind: FrameKind;
  readonly sender: LogId;
  readonly dependencies: Vector;
  readonly updates: readonly LogUpdate[];
  readonly newest: number;
  readonly retired: ReadonlyMap<LogId, Retirement>;
  readonly digests: ReadonlyMap<LogId, number>;
  readonly reports: readonly Report[];
}

export function encodeFrame(frame: Frame): Uint8Array<ArrayBuffer> {
  let bytes = 256;
  for (const { update } of frame.updates) bytes += update.length + 32;
  const w = new Writer(bytes);
  writeLog(w.u8(FRAME_VERSION).u8(frame.kind), frame.sender);
  writeVector(w, frame.dependencies);
  w.varuint(frame.updates.length);
  for (const { log, fromClock, toClock, lamport, update } of frame.updates) {
    writeLog(w, log).varuint(fromClock).varuint(toClock).varuint(lamport);
    const message = frame.kind === FrameKind.push ? messageYjsUpdate : messageYjsSyncStep2;
    w.varuint(1 + varuintLength(update.length) + update.length).varuint(message).bytes(update);
  }
  writeRetirements(w.varuint(frame.newest), frame.retired);
  writeDigests(w, frame.digests);
  w.varuint(frame.reports.length);
  for (const report of frame.reports) writeReport(w, report);
  // Not copied: nothing is written after it.
  return w.u32(crc32(w.view())).view();
}

/**
 * Checks the CRC and decodes. Updates are views into `bytes`, not looked into.
 * @throws MalformedError
 */
export function decodeFrame(bytes: Uint8Array): Frame {
  if (bytes.length > limits.answer_bytes) throw new MalformedError('frame too large');
  const end = bytes.length - 4;
  if (end < 0) throw new MalformedError('frame too short');
  if (crc32(bytes.subarray(0, end)) !== crcOf(bytes)) throw new MalformedError('frame with a wrong CRC');
  const r = new Reader(bytes, 0, end);
  const version = r.u8();
  if (version !== FRAME_VERSION) throw new MalformedError(`frame of version ${version}`);
  const kind = r.u8() as FrameKind;
  if (kind > FrameKind.repair) throw new MalformedError(`frame of kind ${kind}`);
  const sender = readLog(r);
  const dependencies = readVector(r);
  const updates: LogUpdate[] = [];
  for (let n = r.count(10); n > 0; n--) updates.push(readUpdate(r, kind));
  const newest = r.varuint();
  const retired = readRetirements(r);
  const digests = readDigests(r);
  const reports: Report[] = [];
  for (let n = r.count(8); n > 0; n--) reports.push(readReport(r));
  r.end();
  return { kind, sender, dependencies, updates, newest, retired, digests, reports };
}

function readUpdate(r: Reader, kind: FrameKind): LogUpdate {
  const log = readLog(r);
  const fromClock = r.varuint();
  const toClock = r.varuint();
  if (toClock < fromClock) throw new MalformedError('update that leads backwards');
  const lamport = r.varuint();
  if (lamport >= limits.lamport_max) throw new MalformedError('Lamport counter out of range');
  const message = new Reader(r.bytes());
  if (message.varuint() !== (kind === FrameKind.push ? messageYjsUpdate : messageYjsSyncStep2)) throw new MalformedError('sync message of another type');
  const update = message.bytes();
  message.end();
  return { log, fromClock, toClock, lamport, update };
}

export function writeReport(w: Writer, { log, number, config, newest, held }: Report): void {
  writeLog(w, log).varuint(number).varuint(config).varuint(newest);
  writeVector(w, held);
}

/** @throws MalformedError */
export function readReport(r: Reader): Report {
  const log = readLog(r);
  const number = r.varuint();
  const config = r.varuint();
  return { log, number, config, newest: r.varuint(), held: readVector(r) };
}
