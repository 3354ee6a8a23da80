/**
 * The first message of each side. Its layout is fixed for ever: whatever the protocol's version, both sides can read who the other
 * is and say why they do not talk. Later versions add fields at the end; earlier ones skip them.
 *
 *     magic (4 bytes "EdSt") | lowest and highest protocol version | cluster id | member id (8 bytes) | name | slot | log | run
 *     | started, wall clock ms | configuration number | state | proof | [log that this one continues + 1, 0: none] (from version 2 on)
 */
import * as encoding from 'lib0/encoding';
import * as decoding from 'lib0/decoding';
import { limits } from '../limits.ts';
import type { LogId } from '../replica/types.ts';
import { stateByNumber, stateNumber } from './types.ts';
import type { MemberState } from './types.ts';

export interface Hello {
  readonly versionMin: number;
  readonly versionMax: number;
  readonly clusterId: string;
  readonly memberId: bigint;
  readonly name: string;
  readonly slot: number;
  /** Slot and incarnation: whose log this member writes. */
  readonly log: LogId;
  /** Random, drawn at each start of the process: tells a restart from a clone. */
  readonly run: string;
  readonly startedWallMs: number;
  readonly configNumber: number;
  readonly state: MemberState;
  /** Knowledge of a secret of the cluster; empty if there is none. */
  readonly proof: Uint8Array;
  /** The member's log, if it writes another one for now, because nobody has confirmed yet that its disk is not an old copy. */
  readonly continues?: LogId | null;
}

const MAGIC = Uint8Array.of(0x45, 0x64, 0x53, 0x74);
const MEMBER_ID_BYTES = 8;
/** The first version whose hello says what log is continued. */
const CONTINUES_VERSION = 2;
const utf8 = new TextDecoder('utf-8', { fatal: true });

export function encodeHello(to: encoding.Encoder, hello: Hello): void {
  encoding.writeUint8Array(to, MAGIC);
  encoding.writeVarUint(to, hello.versionMin);
  encoding.writeVarUint(to, hello.versionMax);
  encoding.writeVarString(to, hello.clusterId);
  const id = new Uint8Array(MEMBER_ID_BYTES);
  new DataView(id.buffer).setBigUint64(0, hello.memberId);
  encoding.writeUint8Array(to, id);
  encoding.writeVarString(to, hello.name);
  encoding.writeVarUint(to, hello.slot);
  encoding.writeVarUint(to, hello.log);
  encoding.writeVarString(to, hello.run);
  encoding.writeVarUint(to, hello.startedWallMs);
  encoding.writeVarUint(to, hello.configNumber);
  encoding.writeVarUint(to, stateNumber(hello.state));
  encoding.writeVarUint8Array(to, hello.proof);
  if (hello.versionMax >= CONTINUES_VERSION) encoding.writeVarUint(to, hello.continues == null ? 0 : hello.continues + 1);
}

function readNumber(from: decoding.Decoder, below: number): number {
  const n = decoding.readVarUint(from);
  if (!(n < below)) throw new Error('number out of range');
  return n;
}

function readText(from: decoding.Decoder): string {
  const bytes = decoding.readVarUint8Array(from);
  if (bytes.length > limits.hello_text_bytes) throw new Error('text too long');
  return utf8.decode(bytes);
}

/** @throws if it is not a hello. */
export function decodeHello(from: decoding.Decoder): Hello {
  if (from.arr.length > limits.hello_bytes) throw new Error('hello too long');
  const magic = decoding.readUint8Array(from, MAGIC.length);
  if (!magic.every((byte, i) => byte === MAGIC[i])) throw new Error('not a hello');
  const versionMin = readNumber(from, 65_536);
  const versionMax = readNumber(from, 65_536);
  const clusterId = readText(from);
  const id = decoding.readUint8Array(from, MEMBER_ID_BYTES);
  const hello = {
    versionMin,
    versionMax,
    clusterId,
    memberId: new DataView(id.buffer, id.byteOffset, MEMBER_ID_BYTES).getBigUint64(0),
    name: readText(from),
    slot: readNumber(from, limits.slots),
    log: readNumber(from, limits.slots * 4_294_967_296),
    run: readText(from),
    startedWallMs: readNumber(from, Number.MAX_SAFE_INTEGER),
    configNumber: readNumber(from, Number.MAX_SAFE_INTEGER),
    state: stateByNumber(readNumber(from, 256)),
    proof: decoding.readVarUint8Array(from).slice(),
  };
  const continues = versionMax >= CONTINUES_VERSION ? readNumber(from, limits.slots * 4_294_967_296 + 1) : 0;
  return continues === 0 ? hello : { ...hello, continues: continues - 1 };
}
