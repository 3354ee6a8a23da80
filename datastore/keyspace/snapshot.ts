/**
 * The keyspace's part of a snapshot. Values that lie in a document are stored as references to it; the documents' own parts must be
 * loaded first. Chunks are self-contained and at most a little over `CHUNK_BYTES`, in this order:
 *
 *     u8 kind, then
 *     0 header    varuint format version (2; 1 has no key with several heads) · applied revision · compacted revision + 1
 *     1 keys      varuint n, n × { key · varuint writes in documents · head? · base version? }      ascending
 *                   head: u8 0 none, 1: varuint log, varuint lamport, 2: varuint n, n × { varuint log, varuint lamport }, several that contend
 *                   base version: u8 0 none, 1: version. What the key was at the compacted revision
 *     2 history   varuint n, n × { key · version }      in order; the versions after the compacted revision, and the changes at it
 *     3 system    varuint n, n × { key · varuint writes in documents · head? }
 *
 *     key         varuint length, bytes
 *     version     u8 flags (1 deletion, 2 inline, 4 lease) · varuint revision, create revision, version
 *                 · varuint log + 1, lamport, origin revision · [i64 lease] · [inline: varuint length, value]
 *
 * Integers are lib0's variable-length ones, below 2^53.
 */
import * as decoding from 'lib0/decoding';
import * as encoding from 'lib0/encoding';
import { assert } from '../replica/assert.ts';
import type { Key, LogId, Record, RecordWrite } from '../replica/types.ts';
import { compareStamps, Space } from '../replica/types.ts';
import type { Entry } from './entry.ts';
import type { Head } from './head.ts';
import type { Keyspace } from './keyspace.ts';
import { DetachedRecord, Version } from './version.ts';

const FORMAT_VERSION = 2;
const CHUNK_BYTES = 1_048_576;
const HEADER = 0;
const KEYS = 1;
const HISTORY = 2;
const SYSTEM = 3;
const DELETED = 1;
const INLINE = 2;
const LEASE = 4;

/** Finds the record of a stamp in the documents, if it is still there. */
export type FindRecord = (log: LogId, lamport: number) => Record | undefined;

/** Above this, the writes of a record are found through a map: a deletion of a whole range is one record. */
const MANY_WRITES = 16;
const maps = new WeakMap<Record, Map<string, RecordWrite>>();

function writeOf(record: Record | undefined, space: Space, key: Key): RecordWrite | undefined {
  if (record === undefined) return undefined;
  if (record.writes.length <= MANY_WRITES) return record.writes.find((write) => write.key === key && write.space === space);
  let map = maps.get(record);
  if (map === undefined) maps.set(record, (map = new Map(record.writes.map((write) => [write.space + write.key, write]))));
  return map.get(space + key);
}

/** Encodes the whole keyspace. Finishes a pending compaction first, so it blocks: run it off the serving thread. */
export function* encodeKeyspace(keyspace: Keyspace, find: FindRecord): IterableIterator<Uint8Array> {
  keyspace.finishCompaction();
  const { index, history } = keyspace.inside;
  const compacted = keyspace.compactedRevision;
  const header = encoding.createEncoder();
  encoding.writeUint8(header, HEADER);
  encoding.writeVarUint(header, FORMAT_VERSION);
  encoding.writeVarUint(header, keyspace.appliedRevision);
  encoding.writeVarUint(header, compacted + 1);
  yield encoding.toUint8Array(header);

  yield* chunks(KEYS, index.values(), (out, entry: Entry) => {
    writeKey(out, entry.key);
    encoding.writeVarUint(out, entry.phys);
    const heads = keyspace.contests?.of(entry.key)?.heads;
    if (heads === undefined) writeHead(out, entry);
    else {
      encoding.writeUint8(out, 2);
      encoding.writeVarUint(out, heads.length);
      for (const { record } of heads) writeStamp(out, record);
    }
    const base = entry.older?.[0] ?? entry.latest;
    if (base === null || base.modRevision > compacted) encoding.writeUint8(out, 0);
    else {
      encoding.writeUint8(out, 1);
      writeVersion(out, base, find);
    }
  });
  yield* chunks(HISTORY, versions(history), (out, version) => {
    writeKey(out, version.key);
    writeVersion(out, version, find);
  });
  yield* chunks(SYSTEM, keyspace.system.heads, (out, [key, head]) => {
    writeKey(out, key);
    encoding.writeVarUint(out, head.phys);
    writeHead(out, head);
  });
}

/** Loads what `encodeKeyspace` gave, chunk by chunk, into a fresh keyspace. Everything loaded is visible. */
export class KeyspaceLoader {
  readonly #keyspace: Keyspace;
  readonly #find: FindRecord;
  #compacted = -1;

  constructor(keyspace: Keyspace, find: FindRecord) {
    this.#keyspace = keyspace;
    this.#find = find;
  }

  chunk(bytes: Uint8Array): void {
    const input = decoding.createDecoder(bytes);
    const kind = decoding.readUint8(input);
    if (kind === HEADER) {
      this.#header(input);
      return;
    }
    const read = kind === KEYS ? this.#key : kind === HISTORY ? this.#change : kind === SYSTEM ? this.#system : undefined;
    if (read === undefined) throw new Error('the snapshot holds a chunk of a kind unknown to this version');
    for (let left = decoding.readVarUint(input); left > 0; left--) read.call(this, input);
  }

  #header(input: decoding.Decoder): void {
    const version = decoding.readVarUint(input);
    if (version < 1 || version > FORMAT_VERSION) throw new Error('the snapshot has a format unknown to this version');
    const applied = decoding.readVarUint(input);
    this.#compacted = decoding.readVarUint(input) - 1;
    this.#keyspace.inside.restore(applied, this.#compacted);
  }

  #key(input: decoding.Decoder): void {
    const read = readKey(input);
    const head: Head = { record: null, write: null, phys: decoding.readVarUint(input) };
    this.#head(input, Space.client, read, head);
    // The record has the key as a string already: one is enough.
    const key = head.write?.key ?? read;
    const { entry: entryOf, leases } = this.#keyspace.inside;
    const entry = entryOf(key);
    entry.record = head.record;
    entry.write = head.write;
    entry.phys = head.phys;
    if (decoding.readUint8(input) === 0) return;
    entry.push(this.#version(input, key));
    leases.move(key, 0n, entry.live?.lease ?? 0n);
  }

  #change(input: decoding.Decoder): void {
    const key = readKey(input);
    const { entry: entryOf, leases, history, keys, loaded } = this.#keyspace.inside;
    const version = this.#version(input, key);
    if (version.modRevision <= this.#compacted) {
      // At the compacted revision: the key has it already as its base, or it was a deletion.
      const base = keys.get(key)?.latest;
      history.append(base?.modRevision === version.modRevision ? base : version);
      return;
    }
    const entry = entryOf(key);
    const lease = entry.live?.lease ?? 0n;
    entry.push(version);
    loaded(version);
    history.append(version);
    leases.move(key, lease, version.lease);
  }

  #system(input: decoding.Decoder): void {
    const key = readKey(input);
    const { system, appliedRevision } = this.#keyspace;
    const head: Head = { record: null, write: null, phys: decoding.readVarUint(input) };
    this.#head(input, Space.system, key, head);
    system.heads.set(key, head);
    if (system.get(key) !== null) system.announce(key, appliedRevision);
  }

  #head(input: decoding.Decoder, space: Space, key: Key, head: Head): void {
    const kind = decoding.readUint8(input);
    if (kind === 0) return;
    const several = kind === 2;
    const heads: { record: Record; write: RecordWrite }[] = [];
    for (let left = several ? decoding.readVarUint(input) : 1; left > 0; left--) {
      const log = decoding.readVarUint(input);
      const record = this.#find(log, decoding.readVarUint(input));
      const write = writeOf(record, space, key);
      assert(record !== undefined && write !== undefined, 'the current write of a key is in no document of the snapshot');
      record.live++;
      heads.push({ record, write });
    }
    let top = heads[0]!;
    if (several) {
      const { contests } = this.#keyspace;
      if (contests !== null) top = contests.restore(top.write.key, heads).top;
      else {
        // Nothing merges here any more: the highest stamp is the one that counts.
        top = heads.reduce((a, b) => (compareStamps(a.record, b.record) > 0 ? a : b));
        for (const { record } of heads) if (record !== top.record) record.live--;
      }
    }
    head.record = top.record;
    head.write = top.write;
  }

  #version(input: decoding.Decoder, key: Key): Version {
    const flags = decoding.readUint8(input);
    const revision = decoding.readVarUint(input);
    const createRevision = decoding.readVarUint(input);
    const version = decoding.readVarUint(input);
    const log = decoding.readVarUint(input) - 1;
    const lamport = decoding.readVarUint(input);
    const originRevision = decoding.readVarUint(input);
    const lease = (flags & LEASE) === 0 ? 0n : decoding.readBigInt64(input);
    if ((flags & INLINE) === 0) {
      const record = this.#find(log, lamport);
      const write = writeOf(record, Space.client, key);
      assert(record !== undefined && write !== undefined, 'a value is in no document of the snapshot');
      return new Version(record, write, revision, createRevision, version);
    }
    const value = (flags & DELETED) === 0 ? decoding.readVarUint8Array(input).slice() : null;
    const record = new DetachedRecord(lamport, log, originRevision, { space: Space.client, key, value, lease });
    return new Version(record, record.writes[0]!, revision, createRevision, version);
  }
}

function* versions(history: Keyspace['inside']['history']): IterableIterator<Version> {
  for (let position = history.start, end = history.end; position < end; position++) yield history.at(position);
}

/** Packs items into chunks, each with its kind and the number of its items. */
function* chunks<T>(kind: number, items: Iterable<T>, write: (out: encoding.Encoder, item: T) => void): IterableIterator<Uint8Array> {
  let body = encoding.createEncoder();
  let count = 0;
  const finish = (): Uint8Array => {
    const out = encoding.createEncoder();
    encoding.writeUint8(out, kind);
    encoding.writeVarUint(out, count);
    encoding.writeUint8Array(out, encoding.toUint8Array(body));
    body = encoding.createEncoder();
    count = 0;
    return encoding.toUint8Array(out);
  };
  for (const item of items) {
    write(body, item);
    // The encoder's length is a walk over its buffers: look at it now and then.
    if (++count % 16 === 0 && encoding.length(body) >= CHUNK_BYTES) yield finish();
  }
  if (count > 0) yield finish();
}

function writeKey(out: encoding.Encoder, key: Key): void {
  encoding.writeVarUint8Array(out, Buffer.from(key, 'latin1'));
}

function readKey(input: decoding.Decoder): Key {
  const bytes = decoding.readVarUint8Array(input);
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
}

function writeHead(out: encoding.Encoder, head: Head): void {
  const record = head.record;
  encoding.writeUint8(out, record === null ? 0 : 1);
  if (record !== null) writeStamp(out, record);
}

function writeStamp(out: encoding.Encoder, { log, lamport }: Record): void {
  encoding.writeVarUint(out, log);
  encoding.writeVarUint(out, lamport);
}

function writeVersion(out: encoding.Encoder, version: Version, find: FindRecord): void {
  const { record, key, lease, deleted } = version;
  const stored = record.log >= 0 && writeOf(find(record.log, record.lamport), Space.client, key) !== undefined;
  encoding.writeUint8(out, (deleted ? DELETED : 0) | (stored ? 0 : INLINE) | (lease === 0n ? 0 : LEASE));
  encoding.writeVarUint(out, version.modRevision);
  encoding.writeVarUint(out, version.createRevision);
  encoding.writeVarUint(out, version.version);
  encoding.writeVarUint(out, record.log + 1);
  encoding.writeVarUint(out, record.lamport);
  encoding.writeVarUint(out, record.originRevision);
  if (lease !== 0n) encoding.writeBigInt64(out, lease);
  if (!stored && !deleted) encoding.writeVarUint8Array(out, version.value);
}
