/**
 * One replica's state, as the journal keeps it: documents and keyspace, and whatever other modules derive from them or note beside them.
 * The serving thread has one, and so has the worker that makes snapshots from the files.
 *
 * A snapshot is a sequence of chunks, each with a byte in front that says whose it is: the replica's come first, since the keyspace
 * refers to the documents' bytes; noted state comes last.
 */
import type { Clock } from '../host/host.ts';
import type { StateMachine } from '../journal/types.ts';
import type { ConflictListener } from '../keyspace/conflict.ts';
import { Keyspace } from '../keyspace/keyspace.ts';
import { KeyspaceLoader, encodeKeyspace } from '../keyspace/snapshot.ts';
import { Merger } from '../merge/merger.ts';
import type { MergerOptions } from '../merge/merger.ts';
import { Replica } from '../replica/replica.ts';
import type { Shape } from '../replica/segment.ts';
import { incarnationOf } from '../replica/types.ts';
import { MergeTables } from './merge-tables.ts';
import { Notes } from './notes.ts';

const REPLICA = 0;
const KEYSPACE = 1;
const NOTES = 2;

/** `compact_rev_key` of a cluster's replica starts at a version that no other replica's is near to. */
const LOCAL_VERSION_BASE = 1_048_576;

export interface MachineOptions {
  readonly clock: Clock;
  readonly onConflict?: ConflictListener;
  /** Own updates that have just become durable, as an encoded frame. */
  readonly onFrame?: (frame: Uint8Array) => void;
  readonly onFatal?: (error: unknown) => void;
  /** How large the parts of the documents are; tests make them small. */
  readonly shape?: Shape;
  /** How objects merge; null or missing: not at all, the higher stamp wins. */
  readonly merging?: MergerOptions | null;
}

export class Machine implements StateMachine {
  readonly keyspace: Keyspace;
  readonly replica: Replica;
  readonly notes: Notes;
  readonly mergeTables: MergeTables;

  constructor(options: MachineOptions) {
    const { clock, onConflict, onFrame, onFatal, shape, merging = null } = options;
    const merger = merging === null ? null : new Merger(merging);
    this.keyspace = new Keyspace({
      clock,
      localVersionBase: () => (this.replica.revisions.striding ? LOCAL_VERSION_BASE + incarnationOf(this.replica.log) : 0),
      ...(onConflict === undefined ? {} : { onConflict }),
      ...(merger === null ? {} : { merger }),
    });
    this.mergeTables = new MergeTables(this.keyspace.system, merger);
    this.replica = new Replica({
      clock,
      sink: this.keyspace,
      ...(onFrame === undefined ? {} : { onFrame }),
      ...(onFatal === undefined ? {} : { onFatal }),
      ...(shape === undefined ? {} : { shape }),
    });
    this.notes = new Notes(this.replica);
  }

  async loadSnapshot(chunks: AsyncIterable<Uint8Array>): Promise<void> {
    const replica = this.replica.loader();
    const keyspace = new KeyspaceLoader(this.keyspace, (log, lamport) => this.replica.recordByStamp(log, lamport));
    for await (const chunk of chunks) {
      const body = chunk.subarray(1);
      switch (chunk[0]) {
        case REPLICA:
          replica.chunk(body);
          break;
        case KEYSPACE:
          keyspace.chunk(body);
          break;
        case NOTES:
          this.notes.load(body);
          break;
        default:
          throw new Error(`the snapshot has a chunk of kind ${chunk[0]}, unknown to this version`);
      }
    }
    if (!replica.ended) throw new Error('the snapshot ends before its documents do');
  }

  applyEntry(entry: Uint8Array): void {
    this.replica.applyEntry(entry);
  }

  /** Ends the background work. */
  close(): void {
    this.keyspace.close();
  }

  *encodeSnapshot(): Iterable<Uint8Array> {
    for (const chunk of this.replica.encodeState()) yield tagged(REPLICA, chunk);
    for (const chunk of encodeKeyspace(this.keyspace, (log, lamport) => this.replica.recordByStamp(log, lamport))) yield tagged(KEYSPACE, chunk);
    for (const chunk of this.notes.encode()) yield tagged(NOTES, chunk);
  }
}

function tagged(kind: number, chunk: Uint8Array): Uint8Array {
  const out = new Uint8Array(chunk.length + 1);
  out[0] = kind;
  out.set(chunk, 1);
  return out;
}
