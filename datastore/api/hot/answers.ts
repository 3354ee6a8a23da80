/** Encodes the KV service's answers straight from domain terms into gRPC frames. */
import type { DeleteRangeResult, PutResult, RangeResult, TxnResult } from '../../txn/types.ts';
import { type HeaderCodec, writeNestedHeader } from './header.ts';
import { writeKeyValue } from './keyvalue.ts';
import { type Frame, Writer } from './writer.ts';

type OpResult = RangeResult | PutResult | DeleteRangeResult | TxnResult;

const w = new Writer();

/** ResponseOp's tag for each answer. */
const opTags = { range: 0x0a, put: 0x12, delete: 0x1a, txn: 0x22 } as const;

/** Room for the small fields of any answer. */
const smallBytes = 64;

export function encodeRange(header: HeaderCodec, result: RangeResult): Frame {
  w.reset();
  writeRangeBody(result);
  header.write(w, result.revision);
  return w.frame();
}

/** One chunk of a RangeStream: header, more and count only on the last (`result` null: not the last). */
export function encodeRangeChunk(header: HeaderCodec, kvs: RangeResult['kvs'], keysOnly: boolean, last: { revision: number; more: boolean; count: number } | null): Frame {
  w.reset();
  writeRangeBody({ type: 'range', revision: 0, kvs, keysOnly, more: last?.more ?? false, count: last?.count ?? 0 });
  if (last !== null) header.write(w, last.revision);
  w.reserve(smallBytes);
  w.varint(w.length);
  w.byte(0x0a);
  return w.frame();
}

export function encodePut(header: HeaderCodec, result: PutResult): Frame {
  w.reset();
  if (result.prevKv !== null) writeKeyValue(w, 0x12, result.prevKv, false);
  header.write(w, result.revision);
  return w.frame();
}

export function encodeDeleteRange(header: HeaderCodec, result: DeleteRangeResult): Frame {
  w.reset();
  writeDeleteBody(result);
  header.write(w, result.revision);
  return w.frame();
}

export function encodeTxn(header: HeaderCodec, result: TxnResult): Frame {
  w.reset();
  writeTxnBody(result);
  header.write(w, result.revision);
  return w.frame();
}

/** An answer that has nothing but a header: Compact, LeaseRevoke, … */
export function encodeHeaderOnly(header: HeaderCodec, revision: number): Frame {
  w.reset();
  header.write(w, revision);
  return w.frame();
}

function writeRangeBody({ kvs, more, count, keysOnly }: RangeResult): void {
  w.reserve(smallBytes);
  if (count !== 0) {
    w.varint(count);
    w.byte(0x20);
  }
  if (more) {
    w.byte(1);
    w.byte(0x18);
  }
  for (let i = kvs.length - 1; i >= 0; i--) writeKeyValue(w, 0x12, kvs[i]!, keysOnly);
}

function writeDeleteBody({ deleted, prevKvs }: DeleteRangeResult): void {
  for (let i = prevKvs.length - 1; i >= 0; i--) writeKeyValue(w, 0x1a, prevKvs[i]!, false);
  if (deleted === 0) return;
  w.reserve(smallBytes);
  w.varint(deleted);
  w.byte(0x10);
}

function writeTxnBody({ succeeded, responses }: TxnResult): void {
  for (let i = responses.length - 1; i >= 0; i--) writeResponseOp(responses[i]!);
  if (!succeeded) return;
  w.reserve(smallBytes);
  w.byte(1);
  w.byte(0x10);
}

/** `repeated ResponseOp responses = 3`. */
function writeResponseOp(result: OpResult): void {
  const before = w.length;
  if (result.type === 'range') writeRangeBody(result);
  else if (result.type === 'put') {
    if (result.prevKv !== null) writeKeyValue(w, 0x12, result.prevKv, false);
  } else if (result.type === 'delete') writeDeleteBody(result);
  else writeTxnBody(result);
  writeNestedHeader(w, result.revision);
  w.reserve(smallBytes);
  w.varint(w.length - before);
  w.byte(opTags[result.type]);
  w.varint(w.length - before);
  w.byte(0x1a);
}
