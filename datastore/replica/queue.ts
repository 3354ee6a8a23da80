/** What has been decided and waits for the next group commit, in order. */
import { limits } from '../limits.ts';
import type { Collector, Rewrite } from './collector.ts';
import { encodeEntry } from './entry.ts';
import type { Heir } from './heir.ts';
import type { LogDoc, LogUpdate } from './log-doc.ts';
import { relocate } from './logs.ts';
import type { Move } from './logs.ts';
import type { Sent } from './outbox.ts';
import type { StoredRecord } from './record.ts';
import { compareStamps } from './types.ts';
import type { RecordSink } from './types.ts';

/** Above this an own update is cut: it must fit into a frame. */
const TRANSACTION_BYTES = limits.frame_bytes / 4;

interface OwnWrite {
  readonly record: StoredRecord;
  /** 0: it used none. */
  readonly revision: number;
}

/** Everything that waited: the journal's entries, and what goes to the peers. */
export interface Batch {
  readonly entries: readonly Uint8Array[];
  readonly sent: Sent;
  /** Something has been forgotten. */
  readonly forgot: boolean;
  /** Puts into the own log what is in the entries already. Once, before anything else is done with the log. */
  readonly place: () => void;
}

const nothing = (): void => {};

export class Queue {
  readonly #sink: RecordSink;
  readonly #collector: Collector;
  readonly #heir: Heir;
  #ops: (OwnWrite | Uint8Array)[] = [];
  #records = 0;

  constructor(sink: RecordSink, collector: Collector, heir: Heir) {
    this.#sink = sink;
    this.#collector = collector;
    this.#heir = heir;
  }

  /** Own records among what waits. */
  get records(): number {
    return this.#records;
  }

  record(record: StoredRecord, revision: number): void {
    this.#ops.push({ record, revision });
    this.#records++;
  }

  entry(bytes: Uint8Array): void {
    this.#ops.push(bytes);
  }

  /**
   * Takes all that waits: runs of own records become one Yjs transaction and one entry each. What the owner forgets goes last: by then all
   * that supersedes it is in the batch. Null: there is nothing.
   * @param forget whether the owner forgets, or inherits, anything now
   */
  drain(own: LogDoc | null, forget = true): Batch | null {
    const ops = this.#ops;
    this.#ops = [];
    this.#records = 0;
    const entries: Uint8Array[] = [];
    const sent: Sent = { updates: [], records: [] };
    let run: OwnWrite[] = [];
    let runBytes = 0;
    let place = nothing;
    const add = (update: LogUpdate): void => {
      sent.updates.push(update);
      sent.records.push(run.length);
      entries.push(encodeEntry({ kind: 'commit', updates: [update], revisions: run.map((w) => w.revision) }));
      run = [];
      runBytes = 0;
    };
    const push = (log: LogDoc, rewrite: Rewrite | null, inherited: readonly Move[] = []): void => {
      add(this.#push(log, run, rewrite, inherited));
    };
    for (const op of ops) {
      if (op instanceof Uint8Array) {
        if (run.length > 0) push(own!, null);
        entries.push(op);
        continue;
      }
      run.push(op);
      runBytes += op.record.bytes.length;
      if (runBytes > TRANSACTION_BYTES) push(own!, null);
    }
    const rewrite = own === null || !forget ? null : this.#collector.due(own, { records: run.length, bytes: runBytes });
    const inherited = own === null || !forget ? [] : this.#heir.due(own);
    const appended = rewrite === null && inherited.length === 0 ? own?.append(run.map((w) => w.record), run.at(-1)?.record.lamport ?? 0) : null;
    if (appended != null) {
      add(appended.update);
      place = appended.place;
    } else if (run.length > 0 || rewrite !== null || inherited.length > 0) push(own!, rewrite, inherited);
    return entries.length === 0 ? null : { entries, sent, forgot: rewrite !== null, place };
  }

  /** One Yjs transaction of the own log: new records, what is moved and forgotten, and what is copied from logs that are no more. */
  #push(own: LogDoc, run: readonly OwnWrite[], rewrite: Rewrite | null, inherited: readonly Move[]): LogUpdate {
    const records = run.map((w) => w.record);
    const moved: Move[] = [];
    const gone: StoredRecord[] = [];
    for (const { from, to } of rewrite?.fates ?? []) {
      if (to === null) gone.push(from);
      else moved.push([from, to]);
    }
    // As they will be found at replay.
    const copied = inherited.map(([, to]) => to).sort(compareStamps);
    const all = moved.length + copied.length === 0 ? records : [...moved.map(([, to]) => to), ...copied, ...records];
    const update = own.write(all, rewrite?.cuts ?? [], records.at(-1)?.lamport ?? 0);
    relocate(this.#sink, { copied, moved, gone });
    return update;
  }
}
