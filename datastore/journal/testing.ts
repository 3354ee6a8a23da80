import type { StateMachine } from './types.ts';

/** The simplest state there is: the list of all entries, as text. */
export class ListMachine implements StateMachine {
  readonly list: string[] = [];

  async loadSnapshot(chunks: AsyncIterable<Uint8Array>): Promise<void> {
    if (this.list.length > 0) throw new Error('loadSnapshot after an entry');
    for await (const chunk of chunks) this.list.push(Buffer.from(chunk).toString('latin1'));
  }

  applyEntry(entry: Uint8Array): void {
    this.list.push(Buffer.from(entry).toString('latin1'));
  }

  *encodeSnapshot(): Iterable<Uint8Array> {
    for (const text of this.list) yield Buffer.from(text, 'latin1');
  }
}
