/**
 * What travels on a link. One WebSocket message is
 *
 *     type (1 byte) | body | CRC-32 of type and body (4 bytes, little endian)
 *
 * Numbers in bodies are variable-length (lib0's varUint), byte strings are preceded by their length. Decoding copies nothing and
 * allocates nothing that a length field asks for: byte strings are views into the message. Bodies:
 *
 *     1 hello    see hello.ts
 *     2 frames   flags, count, frames…             own frames of the sender, in order
 *     3 vector   request, flags, vector, digest    "this is what I hold; send what I lack" (y-protocols' sync step 1, for all logs at once)
 *     4 chunk    request, flags, piece             of the answer, one frame (sync step 2); the last piece has the flag
 *     5 report   frame                             one that carries nothing but reports of who holds what durably
 *     6 ping     nonce, wall clock ms
 *     7 pong     the ping's nonce, wall clock ms
 *     8 nudge    (empty)                           "I dropped what I should have pushed: ask me with a vector"
 *     9 status   state                             how far the sender is (types.ts)
 *    10 part     flags, bytes                      of a long message; the last one has the flag
 *    11 config   configuration of the membership   the sender's (membership/codec.ts); allowed from the hello on. From version 2 on, as all below
 *    12 agree    message                           about the next configuration (membership/agreement.ts)
 *    13 join     request                           instead of a hello: asks for a place in the cluster (membership/codec.ts)
 *    14 joined   answer                            to a join
 *    15 made     clock, wall clock ms              when the sender's own log reached that clock; before what brings it (convergence.ts). From version 3 on
 *
 * A long message is sent in parts, so that a slow link shows signs of life while it is on its way.
 */
import * as encoding from 'lib0/encoding';
import * as decoding from 'lib0/decoding';
import { crc32 } from 'node:zlib';
import { limits } from '../limits.ts';
import { encoderFor, written } from '../replica/encoder.ts';
import { decodeHello, encodeHello } from './hello.ts';
import type { Hello } from './hello.ts';
import { stateByNumber, stateNumber } from './types.ts';
import type { MemberState } from './types.ts';

export const WIRE_VERSION = 3;
export const WIRE_VERSION_MIN = 1;

export type Message =
  | { readonly type: 'hello'; readonly hello: Hello }
  /** `ackWanted`: report as soon as these are durable, for a client waits for it. */
  | { readonly type: 'frames'; readonly ackWanted: boolean; readonly frames: readonly Uint8Array[] }
  /** `full`: answer with everything, whatever the vector says (after a digest mismatch). An empty digest is none. */
  | { readonly type: 'vector'; readonly request: number; readonly full: boolean; readonly vector: Uint8Array; readonly digest: Uint8Array }
  /** `mismatch`: vectors were equal, digests were not. No bytes at all: nothing was missing. */
  | { readonly type: 'chunk'; readonly request: number; readonly last: boolean; readonly mismatch: boolean; readonly piece: Uint8Array }
  | { readonly type: 'report'; readonly report: Uint8Array }
  | { readonly type: 'ping'; readonly nonce: number; readonly wallMs: number }
  | { readonly type: 'pong'; readonly nonce: number; readonly wallMs: number }
  | { readonly type: 'made'; readonly clock: number; readonly wallMs: number }
  | { readonly type: 'nudge' }
  | { readonly type: 'status'; readonly state: MemberState }
  | { readonly type: 'part'; readonly last: boolean; readonly bytes: Uint8Array }
  | { readonly type: MembershipType; readonly bytes: Uint8Array };

/** Messages that gossip carries for the membership, without looking into them. */
export type MembershipType = 'config' | 'agree' | 'join' | 'joined';
/** The version of the protocol from which on they are understood. */
export const MEMBERSHIP_VERSION = 2;
/** … and `made`. */
export const MADE_VERSION = 3;

/** A message that this version cannot read. The link is closed: after it, nothing can be trusted to be what was sent. */
export class MalformedMessage extends Error {
  constructor(what: string) {
    super(`malformed message: ${what}`);
    this.name = 'MalformedMessage';
  }
}

const Type = { hello: 1, frames: 2, vector: 3, chunk: 4, report: 5, ping: 6, pong: 7, nudge: 8, status: 9, part: 10, config: 11, agree: 12, join: 13, joined: 14, made: 15 } as const;
/** The first byte of a part. */
export const PART = Type.part;
const CRC_BYTES = 4;
/** What the length of a part of a message takes, at most. */
const LENGTH_BYTES = 5;
/** Type, flags, counts, lengths and checksum around what a message carries. */
const OVERHEAD_BYTES = 64;
export const MESSAGE_BYTES_MAX = limits.frame_bytes + OVERHEAD_BYTES;

function writeBody(to: encoding.Encoder, message: Message): void {
  switch (message.type) {
    case 'hello':
      return encodeHello(to, message.hello);
    case 'frames':
      encoding.writeVarUint(to, message.ackWanted ? 1 : 0);
      encoding.writeVarUint(to, message.frames.length);
      for (const frame of message.frames) encoding.writeVarUint8Array(to, frame);
      return;
    case 'vector':
      encoding.writeVarUint(to, message.request);
      encoding.writeVarUint(to, message.full ? 1 : 0);
      encoding.writeVarUint8Array(to, message.vector);
      encoding.writeVarUint8Array(to, message.digest);
      return;
    case 'chunk':
      encoding.writeVarUint(to, message.request);
      encoding.writeVarUint(to, (message.last ? 1 : 0) | (message.mismatch ? 2 : 0));
      encoding.writeVarUint8Array(to, message.piece);
      return;
    case 'report':
      encoding.writeVarUint8Array(to, message.report);
      return;
    case 'ping':
    case 'pong':
      encoding.writeVarUint(to, message.nonce);
      encoding.writeVarUint(to, message.wallMs);
      return;
    case 'made':
      encoding.writeVarUint(to, message.clock);
      encoding.writeVarUint(to, message.wallMs);
      return;
    case 'nudge':
      return;
    case 'status':
      encoding.writeVarUint(to, stateNumber(message.state));
      return;
    case 'part':
      encoding.writeVarUint(to, message.last ? 1 : 0);
      encoding.writeVarUint8Array(to, message.bytes);
      return;
    case 'config':
    case 'agree':
    case 'join':
    case 'joined':
      encoding.writeVarUint8Array(to, message.bytes);
  }
}

/** How long a message is, about, and not less for those that are long. */
function sizeOf(message: Message): number {
  switch (message.type) {
    case 'frames':
      return message.frames.reduce((sum, frame) => sum + frame.length + LENGTH_BYTES, OVERHEAD_BYTES);
    case 'chunk':
      return OVERHEAD_BYTES + message.piece.length;
    case 'vector':
      return OVERHEAD_BYTES + message.vector.length + message.digest.length;
    case 'report':
      return OVERHEAD_BYTES + message.report.length;
    case 'part':
    case 'config':
    case 'agree':
    case 'join':
    case 'joined':
      return OVERHEAD_BYTES + message.bytes.length;
    default:
      return OVERHEAD_BYTES;
  }
}

/** The message as it goes into a link. */
export function encodeMessage(message: Message): Uint8Array {
  const to = encoderFor(sizeOf(message));
  encoding.writeUint8(to, Type[message.type]);
  writeBody(to, message);
  encoding.writeUint32(to, crc32(written(to)));
  return written(to);
}

function readFrames(from: decoding.Decoder): Message {
  const flags = decoding.readVarUint(from);
  const count = decoding.readVarUint(from);
  // Each frame takes at least its length byte, so a count that cannot be true is refused before anything is made of it.
  if (count > from.arr.length - from.pos) throw new MalformedMessage('more frames than bytes');
  const frames: Uint8Array[] = [];
  for (let i = 0; i < count; i++) frames.push(decoding.readVarUint8Array(from));
  return { type: 'frames', ackWanted: (flags & 1) !== 0, frames };
}

function readBody(type: number, from: decoding.Decoder): Message {
  switch (type) {
    case Type.hello:
      return { type: 'hello', hello: decodeHello(from) };
    case Type.frames:
      return readFrames(from);
    case Type.vector: {
      const request = decoding.readVarUint(from);
      const flags = decoding.readVarUint(from);
      const vector = decoding.readVarUint8Array(from);
      return { type: 'vector', request, full: (flags & 1) !== 0, vector, digest: decoding.readVarUint8Array(from) };
    }
    case Type.chunk: {
      const request = decoding.readVarUint(from);
      const flags = decoding.readVarUint(from);
      return { type: 'chunk', request, last: (flags & 1) !== 0, mismatch: (flags & 2) !== 0, piece: decoding.readVarUint8Array(from) };
    }
    case Type.report:
      return { type: 'report', report: decoding.readVarUint8Array(from) };
    case Type.ping:
      return { type: 'ping', nonce: decoding.readVarUint(from), wallMs: decoding.readVarUint(from) };
    case Type.pong:
      return { type: 'pong', nonce: decoding.readVarUint(from), wallMs: decoding.readVarUint(from) };
    case Type.made:
      return { type: 'made', clock: decoding.readVarUint(from), wallMs: decoding.readVarUint(from) };
    case Type.nudge:
      return { type: 'nudge' };
    case Type.status:
      return { type: 'status', state: stateByNumber(decoding.readVarUint(from)) };
    case Type.part: {
      const flags = decoding.readVarUint(from);
      return { type: 'part', last: (flags & 1) !== 0, bytes: decoding.readVarUint8Array(from) };
    }
    case Type.config:
      return { type: 'config', bytes: decoding.readVarUint8Array(from).slice() };
    case Type.agree:
      return { type: 'agree', bytes: decoding.readVarUint8Array(from).slice() };
    case Type.join:
      return { type: 'join', bytes: decoding.readVarUint8Array(from).slice() };
    case Type.joined:
      return { type: 'joined', bytes: decoding.readVarUint8Array(from).slice() };
    default:
      throw new MalformedMessage('unknown type');
  }
}

/** @throws MalformedMessage for whatever is not exactly one well-formed message. */
export function decodeMessage(message: Uint8Array): Message {
  // A plain array, whatever the link gave: Yjs takes no Buffers.
  const bytes = new Uint8Array(message.buffer, message.byteOffset, message.length);
  if (bytes.length > MESSAGE_BYTES_MAX) throw new MalformedMessage('too long');
  const length = bytes.length - CRC_BYTES;
  if (length < 1) throw new MalformedMessage('too short');
  const crc = new DataView(bytes.buffer, bytes.byteOffset + length, CRC_BYTES).getUint32(0, true);
  if (crc32(bytes.subarray(0, length)) !== crc) throw new MalformedMessage('checksum');
  // An array of its own, so that no length field can reach beyond the body into the checksum or the pool behind it.
  const from = decoding.createDecoder(bytes.subarray(1, length));
  let decoded: Message;
  try {
    decoded = readBody(bytes[0] as number, from);
  } catch (error) {
    if (error instanceof MalformedMessage) throw error;
    throw new MalformedMessage(error instanceof Error ? error.message : 'undecodable');
  }
  // A hello may be longer: a later version's fields come last.
  if (decoded.type !== 'hello' && decoding.hasContent(from)) throw new MalformedMessage('trailing bytes');
  return decoded;
}
