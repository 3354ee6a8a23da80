import type { Context, LogId, Record, RecordWrite, Write } from '../replica/types.ts';
import type { KeyValue } from './types.ts';

const OVERHEAD_BYTES = 64;
const EMPTY = new Uint8Array(0);
const NO_CONTEXT: Context = new Map();

/**
 * One version of a key; a deletion is a version, too. It is a `KeyValue` itself: the value is cut out of the record's
 * bytes when it is asked for, so a version holds no bytes of its own and an answer allocates nothing per key.
 *
 * History keeps its versions when the record has left the document: the reference to the record keeps the bytes.
 */
export class Version implements KeyValue {
  record: Record;
  write: RecordWrite;
  readonly modRevision: number;
  /** 0 for a deletion, as etcd's events have it. */
  readonly createRevision: number;
  readonly version: number;

  constructor(record: Record, write: RecordWrite, modRevision: number, createRevision: number, version: number) {
    this.record = record;
    this.write = write;
    this.modRevision = modRevision;
    this.createRevision = createRevision;
    this.version = version;
  }

  get key(): string {
    return this.write.key;
  }
  get lease(): bigint {
    return this.write.lease;
  }
  get deleted(): boolean {
    return this.write.valueLength < 0;
  }
  get value(): Uint8Array {
    return valueOf(this.record, this.write);
  }
  /** What it counts towards the size of the store: key, value, and what is kept about them. */
  get bytes(): number {
    return this.write.key.length + Math.max(0, this.write.valueLength) + OVERHEAD_BYTES;
  }
}

/** The bytes of a write, as a view into its record. Empty for a deletion. */
export function valueOf(record: Record, write: RecordWrite): Uint8Array {
  const length = write.valueLength;
  return length > 0 ? record.bytes.subarray(write.valueOffset, write.valueOffset + length) : EMPTY;
}

/** The log of writes that are never replicated: no replica has it. */
export const LOCAL_LOG: LogId = -1;

/** A record that is in no document: a local write, or history whose record was dropped, as loaded from a snapshot. */
export class DetachedRecord implements Record {
  readonly lamport: number;
  readonly log: LogId;
  readonly originRevision: number;
  bytes: Uint8Array;
  writes: RecordWrite[];
  live = 0;

  constructor(lamport: number, log: LogId, originRevision: number, write: Write) {
    this.lamport = lamport;
    this.log = log;
    this.originRevision = originRevision;
    this.bytes = write.value ?? EMPTY;
    this.writes = [
      {
        space: write.space,
        key: write.key,
        lease: write.lease,
        valueOffset: 0,
        valueLength: write.value === null ? -1 : write.value.length,
      },
    ];
  }

  /** Never asked: a detached record contends with nothing. */
  context(): Context {
    return NO_CONTEXT;
  }
}
