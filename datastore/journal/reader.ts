import type { DiskFile } from '../host/host.ts';
import { asBuffer } from './format.ts';

const WINDOW_BYTES = 1_048_576;

/** Reads a file front to back through a window, so that a file of any size costs a MiB or its largest record. */
export class Reader {
  readonly size: number;
  readonly #file: DiskFile;
  #window: Buffer = Buffer.alloc(0);
  #start = 0;

  constructor(file: DiskFile, size: number) {
    this.#file = file;
    this.size = size;
  }

  /** A view of these bytes if they are in the window: the fast way, without a promise. */
  view(position: number, length: number): Buffer | undefined {
    const from = position - this.#start;
    return from >= 0 && from + length <= this.#window.length ? this.#window.subarray(from, from + length) : undefined;
  }

  /** Shorter than `length` only at the end of the file. Windows are never reused: views of older ones stay valid. */
  async read(position: number, length: number): Promise<Buffer> {
    const there = this.view(position, length);
    if (there !== undefined) return there;
    this.#window = asBuffer(await this.#file.read(position, Math.max(length, WINDOW_BYTES)));
    this.#start = position;
    return this.#window.subarray(0, length);
  }
}
