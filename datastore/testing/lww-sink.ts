/** The smallest keyspace that satisfies a replica: for each key the write of the highest stamp, deletions included. Checks what it is told. */
import { assert } from '../replica/assert.ts';
import { compareStamps } from '../replica/types.ts';
import type { Record, RecordSink, RecordWrite, Write } from '../replica/types.ts';

interface Current {
  record: Record;
  write: RecordWrite;
}

export class LwwSink implements RecordSink {
  readonly #current = new Map<string, Current>();
  /** Writes of a key that are physically in some document. */
  readonly #physical = new Map<string, number>();
  readonly local = new Map<string, string>();
  revision = 0;
  visible = 0;
  compactedTo = 0;
  /** What has been told, in order, if asked for. */
  readonly trace: string[] | null;
  copies = 0;
  moves = 0;
  drops = 0;

  constructor(traced = false) {
    this.trace = traced ? [] : null;
  }

  #name(write: { space: number; key: string }): string {
    return `${write.space}${write.key}`;
  }

  integrate(record: Record, revision: number): boolean {
    assert(revision > this.revision, 'revisions grow');
    let used = false;
    for (const write of record.writes) {
      const name = this.#name(write);
      this.#physical.set(name, (this.#physical.get(name) ?? 0) + 1);
      const current = this.#current.get(name);
      if (current !== undefined && compareStamps(current.record, record) > 0) continue;
      if (current !== undefined) current.record.live--;
      this.#current.set(name, { record, write });
      record.live++;
      used ||= write.space === 0;
    }
    if (used) this.revision = revision;
    this.trace?.push(`integrate ${record.log}/${record.lamport} ${used ? revision : 0}`);
    return used;
  }

  copied(record: Record): void {
    this.copies++;
    this.trace?.push(`copied ${record.log}/${record.lamport} ${record.writes.length}`);
    for (const write of record.writes) this.#physical.set(this.#name(write), (this.#physical.get(this.#name(write)) ?? 0) + 1);
  }

  moved(from: Record, to: Record): void {
    this.moves++;
    this.trace?.push(`moved ${from.log}/${from.lamport} ${to.writes.length}`);
    for (const write of to.writes) {
      const current = this.#current.get(this.#name(write));
      if (current?.record !== from) continue;
      this.#current.set(this.#name(write), { record: to, write });
      to.live++;
      from.live--;
    }
  }

  dropped(record: Record, writes: readonly RecordWrite[]): void {
    this.drops += writes.length;
    this.trace?.push(`dropped ${record.log}/${record.lamport} ${writes.length}`);
    for (const write of writes) {
      const name = this.#name(write);
      const left = this.#physical.get(name)! - 1;
      assert(left >= 0, 'no more is dropped than was integrated');
      if (left === 0) this.#physical.delete(name);
      else this.#physical.set(name, left);
      const current = this.#current.get(name);
      if (current?.record !== record) continue;
      assert(current.write.valueLength < 0, `only a deletion may go while it is current: ${name} of ${record.log}/${record.lamport}`);
      assert(left === 0, `a deletion goes last: ${name} of ${record.log}/${record.lamport}`);
      this.#current.delete(name);
      record.live--;
    }
  }

  isCurrent(record: Record, write: RecordWrite): boolean {
    return this.#current.get(this.#name(write))?.record === record;
  }

  currentCopy(record: Record, write: RecordWrite): Record | null {
    const current = this.#current.get(this.#name(write))?.record;
    return current !== undefined && compareStamps(current, record) === 0 ? current : null;
  }

  isTombstoneFree(record: Record, write: RecordWrite): boolean {
    return this.isCurrent(record, write) && this.#physical.get(this.#name(write)) === 1;
  }

  integrateLocal(writes: readonly Write[], revision: number): void {
    assert(revision > this.revision, 'revisions grow');
    this.revision = revision;
    for (const { key, value } of writes) this.local.set(key, value === null ? '' : Buffer.from(value).toString('latin1'));
    this.trace?.push(`local ${revision}`);
  }

  compacted(revision: number): void {
    this.compactedTo = revision;
    this.trace?.push(`compacted ${revision}`);
  }

  advanced(revision: number): void {
    assert(revision > this.revision, 'revisions grow');
    this.revision = revision;
    this.trace?.push(`advanced ${revision}`);
  }

  durable(revision: number): void {
    assert(revision > this.visible && revision >= this.revision - Number.MAX_SAFE_INTEGER, 'visibility grows');
    this.visible = revision;
  }

  /** Rebuilds from documents that were loaded: as a keyspace does from its own part of a snapshot. */
  restore(records: Iterable<Record>): void {
    for (const record of records) {
      const revision = this.revision;
      this.integrate(record, Number.MAX_SAFE_INTEGER);
      this.revision = revision;
    }
  }

  get(key: string): string | null {
    const current = this.#current.get(`0${key}`);
    if (current === undefined || current.write.valueLength < 0) return null;
    const { valueOffset, valueLength } = current.write;
    return Buffer.from(current.record.bytes.buffer as ArrayBuffer, current.record.bytes.byteOffset + valueOffset, valueLength).toString('latin1');
  }

  /** All keys and values, as one string. */
  state(): string {
    const out: string[] = [];
    for (const name of this.#current.keys()) {
      const value = this.get(name.slice(1));
      if (name.startsWith('0') && value !== null) out.push(`${name.slice(1)}=${value}`);
    }
    return out.sort().join('\n');
  }

  /** Keys that something, if only a deletion, is remembered of. */
  get remembered(): number {
    return this.#current.size;
  }

  /** Writes physically in documents. */
  get physical(): number {
    let n = 0;
    for (const count of this.#physical.values()) n += count;
    return n;
  }
}
