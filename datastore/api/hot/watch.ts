/**
 * WatchRequest and WatchResponse. Each change is encoded once, with and without prev_kv, and shared between all watchers that
 * see it; the bytes live as long as the change does.
 */
import type { Change } from '../../keyspace/types.ts';
import type { WatchCreate, WatchMessage } from '../../watch/types.ts';
import type { HeaderCodec } from './header.ts';
import { writeKeyValue } from './keyvalue.ts';
import { Reader, errUnknownField } from './reader.ts';
import { type Frame, Writer, varintLength } from './writer.ts';

export type WatchCommand =
  | { readonly type: 'create'; readonly request: WatchCreate }
  | { readonly type: 'cancel'; readonly watchId: bigint }
  | { readonly type: 'progress' }
  /** Names no request: etcd ignores it. */
  | { readonly type: 'none' };

export function decodeWatchRequest(bytes: Buffer): WatchCommand {
  const r = new Reader(bytes);
  let command: WatchCommand = { type: 'none' };
  for (let tag = r.tag(); tag !== 0; tag = r.tag()) {
    if (tag !== 0x0a && tag !== 0x12 && tag !== 0x1a) throw errUnknownField('WatchRequest', tag >>> 3);
    const outer = r.enter();
    if (tag === 0x0a) command = { type: 'create', request: readCreate(r) };
    else if (tag === 0x12) command = { type: 'cancel', watchId: readCancel(r) };
    else {
      const inner = r.tag();
      if (inner !== 0) throw errUnknownField('WatchProgressRequest', inner >>> 3);
      command = { type: 'progress' };
    }
    r.leave(outer);
  }
  return command;
}

function readCreate(r: Reader): WatchCreate {
  let start = '';
  let end = '';
  let startRevision = 0;
  let progressNotify = false;
  let noPut = false;
  let noDelete = false;
  let prevKv = false;
  let watchId = 0n;
  let fragment = false;
  const filter = (number: number) => {
    if (number === 0) noPut = true;
    else if (number === 1) noDelete = true;
  };
  for (let tag = r.tag(); tag !== 0; tag = r.tag()) {
    if (tag === 0x0a) start = r.latin1();
    else if (tag === 0x12) end = r.latin1();
    else if (tag === 0x18) startRevision = r.int64();
    else if (tag === 0x20) progressNotify = r.bool();
    else if (tag === 0x28) filter(r.int64());
    else if (tag === 0x2a) {
      const outer = r.enter();
      while (r.pos < r.end) filter(r.int64());
      r.leave(outer);
    } else if (tag === 0x30) prevKv = r.bool();
    else if (tag === 0x38) watchId = r.int64Big();
    else if (tag === 0x40) fragment = r.bool();
    else throw errUnknownField('WatchCreateRequest', tag >>> 3);
  }
  // etcd: an empty key is the smallest one, "\0" (v3rpc/watch.go).
  return { range: { start: start === '' ? '\0' : start, end: end === '' ? undefined : end }, startRevision, progressNotify, noPut, noDelete, prevKv, watchId, fragment };
}

function readCancel(r: Reader): bigint {
  let watchId = 0n;
  for (let tag = r.tag(); tag !== 0; tag = r.tag()) {
    if (tag === 0x08) watchId = r.int64Big();
    else throw errUnknownField('WatchCancelRequest', tag >>> 3);
  }
  return watchId;
}

const w = new Writer();
const withPrev = Symbol('event with prev_kv');
const withoutPrev = Symbol('event');
interface EncodedChange extends Change {
  [withPrev]?: Buffer;
  [withoutPrev]?: Buffer;
}

/** The change as `repeated Event events = 11` of a WatchResponse, encoded at most once. */
export function encodedEvent(change: Change, prevKv: boolean): Buffer {
  const cache = change as EncodedChange;
  const slot = prevKv && change.prev !== null ? withPrev : withoutPrev;
  return (cache[slot] ??= encodeEvent(change, slot === withPrev));
}

function encodeEvent(change: Change, prevKv: boolean): Buffer {
  w.reset();
  if (prevKv) writeKeyValue(w, 0x1a, change.prev!, false);
  writeKeyValue(w, 0x12, change.kv, false);
  w.reserve(16);
  if (change.type === 'delete') {
    w.byte(1);
    w.byte(0x08);
  }
  w.varint(w.length);
  w.byte(0x5a);
  return w.finish();
}

/**
 * Encodes what a watch stream sends, one or (with `fragment`) several frames.
 * @param fragmentBytes etcd: --max-request-bytes plus the overhead of gRPC; larger answers are split if the watcher asked for it
 */
export function encodeWatchMessage(header: HeaderCodec, message: WatchMessage, fragmentBytes: number, send: (frame: Frame) => void): void {
  if (message.type === 'events') {
    const events = new Array<Buffer>(message.changes.length);
    for (let i = 0; i < events.length; i++) events[i] = encodedEvent(message.changes[i]!, message.prevKv);
    if (message.fragment) sendFragments(header, message.watchId, message.revision, events, fragmentBytes, send);
    else send(encodeEvents(header, message.watchId, message.revision, events, 0, events.length, false));
    return;
  }
  w.reset();
  w.reserve(64);
  if (message.type === 'refused' || message.type === 'canceled') {
    writeReason(message.reason);
    if (message.type === 'canceled' && message.compactRevision !== 0) {
      w.varint(message.compactRevision);
      w.byte(0x28);
    }
    w.byte(1);
    w.byte(0x20);
  }
  if (message.type === 'created' || message.type === 'refused') {
    w.byte(1);
    w.byte(0x18);
  }
  writeWatchId(message.type === 'refused' ? -1n : message.watchId);
  header.write(w, message.revision);
  send(w.frame());
}

/** As etcd's sendFragments: at least one event a frame, `fragment` set on all but the last. */
function sendFragments(header: HeaderCodec, watchId: bigint, revision: number, events: readonly Buffer[], limit: number, send: (frame: Frame) => void): void {
  const fixed = 64 + varintLength(revision);
  let from = 0;
  while (from < events.length) {
    let size = fixed + events[from]!.length;
    let to = from + 1;
    while (to < events.length && size + events[to]!.length < limit) size += events[to++]!.length;
    send(encodeEvents(header, watchId, revision, events, from, to, to < events.length));
    from = to;
  }
}

function encodeEvents(header: HeaderCodec, watchId: bigint, revision: number, events: readonly Buffer[], from: number, to: number, fragment: boolean): Frame {
  w.reset();
  for (let i = to - 1; i >= from; i--) {
    const event = events[i]!;
    w.reserve(event.length);
    w.bytes(event);
  }
  w.reserve(64);
  if (fragment) {
    w.byte(1);
    w.byte(0x38);
  }
  writeWatchId(watchId);
  header.write(w, revision);
  return w.frame();
}

function writeWatchId(watchId: bigint): void {
  if (watchId === 0n) return;
  w.varintBig(watchId);
  w.byte(0x10);
}

function writeReason(reason: string): void {
  if (reason === '') return;
  const text = Buffer.from(reason);
  w.reserve(text.length + 80);
  w.bytes(text);
  w.varint(text.length);
  w.byte(0x32);
}
