/**
 * Configurations, and what is asked and answered about them, as bytes; on the disk and between replicas. Version, then:
 *
 *     configuration  varuint number · varuint members × { i64 id · bytes name · u8 slot · u8 standing · u8 has log · [u32 incarnation]
 *                    · varuint URLs × bytes } · varuint removed × { u8 slot, u32 incarnation · varuint number }
 *     join           bytes token · bytes cluster id (empty: not known) · bytes name · u8 has slot · [u8 slot] · u32 incarnation
 *                    · varuint URLs × bytes · varuint earlier logs × { u8 slot, u32 incarnation } · i64 id
 *     joined         u8 result · bytes reason · bytes cluster id · i64 id · u8 slot · bytes configuration (empty: none)
 *
 * Texts are UTF-8.
 */
import { MalformedError, Reader, Writer } from '../bytes.ts';
import { incarnationOf, logId, slotOf } from '../replica/types.ts';
import type { LogId } from '../replica/types.ts';
import type { Configuration, ConfiguredMember, Joiner, RemovedLog, Standing } from './configuration.ts';

const VERSION = 1;
const standings: readonly Standing[] = ['voting', 'added', 'evicted'];

const writeLog = (w: Writer, log: LogId): Writer => w.u8(slotOf(log)).u32(incarnationOf(log));
function readLog(r: Reader): LogId {
  const slot = r.u8();
  return logId(slot, r.u32());
}
function writeTexts(w: Writer, texts: readonly string[]): void {
  w.varuint(texts.length);
  for (const text of texts) w.utf8(text);
}
function readTexts(r: Reader): string[] {
  const texts: string[] = [];
  for (let n = r.count(1); n > 0; n--) texts.push(r.utf8());
  return texts;
}
/** Ids are unsigned; the writer's integers are signed. */
const writeId = (w: Writer, id: bigint): Writer => w.i64(BigInt.asIntN(64, id));
const readId = (r: Reader): bigint => BigInt.asUintN(64, r.i64());

function version(r: Reader): void {
  const found = r.u8();
  if (found !== VERSION) throw new MalformedError(`membership of version ${found}`);
}

export function encodeConfiguration({ number, members, removed }: Configuration): Uint8Array {
  const w = new Writer().u8(VERSION).varuint(number).varuint(members.length);
  for (const { id, name, slot, log, peerURLs, standing } of members) {
    writeId(w, id).utf8(name).u8(slot).u8(standings.indexOf(standing)).u8(log === null ? 0 : 1);
    if (log !== null) w.u32(incarnationOf(log));
    writeTexts(w, peerURLs);
  }
  w.varuint(removed.length);
  for (const entry of removed) writeLog(w, entry.log).varuint(entry.number);
  return w.take();
}

/** @throws MalformedError */
export function decodeConfiguration(bytes: Uint8Array): Configuration {
  const r = new Reader(bytes);
  version(r);
  const number = r.varuint();
  const members: ConfiguredMember[] = [];
  for (let n = r.count(13); n > 0; n--) {
    const id = readId(r);
    const name = r.utf8();
    const slot = r.u8();
    const standing = standings[r.u8()];
    if (standing === undefined) throw new MalformedError('standing of a member');
    const log = r.u8() === 0 ? null : logId(slot, r.u32());
    members.push({ id, name, slot, standing, log, peerURLs: readTexts(r) });
  }
  const removed: RemovedLog[] = [];
  for (let n = r.count(6); n > 0; n--) {
    const log = readLog(r);
    removed.push({ log, number: r.varuint() });
  }
  r.end();
  return { number, members, removed };
}

/** Asks a member for a place in its cluster. */
export interface JoinRequest extends Joiner {
  readonly token: string;
  /** Empty: not known yet. */
  readonly clusterId: string;
}

export function encodeJoin(request: JoinRequest): Uint8Array {
  const w = new Writer().u8(VERSION);
  w.utf8(request.token).utf8(request.clusterId).utf8(request.name).u8(request.slot === null ? 0 : 1);
  if (request.slot !== null) w.u8(request.slot);
  w.u32(request.incarnation);
  writeTexts(w, request.peerURLs);
  w.varuint(request.earlier.length);
  for (const log of request.earlier) writeLog(w, log);
  return writeId(w, request.id).take();
}

/** @throws MalformedError */
export function decodeJoin(bytes: Uint8Array): JoinRequest {
  const r = new Reader(bytes);
  version(r);
  const token = r.utf8();
  const clusterId = r.utf8();
  const name = r.utf8();
  const slot = r.u8() === 0 ? null : r.u8();
  const incarnation = r.u32();
  const peerURLs = readTexts(r);
  const earlier: LogId[] = [];
  for (let n = r.count(5); n > 0; n--) earlier.push(readLog(r));
  const id = readId(r);
  r.end();
  return { token, clusterId, name, slot, incarnation, peerURLs, earlier, id };
}

/**
 * joined: here is the configuration with you in it. bootstrap: this cluster has only begun, nothing need be decided. refused: no, and asking
 * again is of no use before a person has done something. retry: not now. spent: the log that you would write has been removed, perhaps before you heard
 * that it had a place; ask with a new incarnation.
 */
export type JoinResult = 'joined' | 'bootstrap' | 'refused' | 'retry' | 'spent';
const results: readonly JoinResult[] = ['joined', 'bootstrap', 'refused', 'retry', 'spent'];

export interface JoinAnswer {
  readonly result: JoinResult;
  readonly reason: string;
  readonly clusterId: string;
  readonly id: bigint;
  readonly slot: number;
  readonly configuration: Configuration | null;
}

export function encodeJoined({ result, reason, clusterId, id, slot, configuration }: JoinAnswer): Uint8Array {
  const w = new Writer().u8(VERSION).u8(results.indexOf(result));
  writeId(w.utf8(reason).utf8(clusterId), id).u8(slot);
  return w.bytes(configuration === null ? new Uint8Array(0) : encodeConfiguration(configuration)).take();
}

/** @throws MalformedError */
export function decodeJoined(bytes: Uint8Array): JoinAnswer {
  const r = new Reader(bytes);
  version(r);
  const result = results[r.u8()];
  if (result === undefined) throw new MalformedError('answer to a join');
  const reason = r.utf8();
  const clusterId = r.utf8();
  const id = readId(r);
  const slot = r.u8();
  const configuration = r.bytes();
  r.end();
  return { result, reason, clusterId, id, slot, configuration: configuration.length === 0 ? null : decodeConfiguration(configuration) };
}
