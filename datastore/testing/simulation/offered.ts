/**
 * What was done with the writes that only a disk set aside had: each must have been made again, or reported; or it had been beaten by another's write
 * while the disk was in use, which was reported then.
 */
import type { LogId } from '../../replica/types.ts';
import type { KnownRecord, Name } from './registry.ts';

export class Offered {
  readonly #done = new Set<string>();

  made({ log, lamport }: KnownRecord, name: Name): void {
    this.#done.add(`${log}/${lamport}/${name}`);
  }

  reported({ log, lamport }: { readonly log: LogId; readonly lamport: number }, name: Name): void {
    this.#done.add(`${log}/${lamport}/${name}`);
  }

  has({ log, lamport }: KnownRecord, name: Name): boolean {
    return this.#done.has(`${log}/${lamport}/${name}`);
  }
}
