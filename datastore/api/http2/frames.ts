/** Cuts received bytes into HTTP/2 frames. Chunks may be torn anywhere; a frame whole within its chunk is not copied. */
import { ConnectionError, ErrorCode, defaultFrameBytes, frameHeaderBytes } from './constants.ts';

/** @param payload a view: valid as long as its chunk is kept */
export type OnFrame = (type: number, flags: number, stream: number, payload: Buffer) => void;

export class FrameReader {
  readonly #onFrame: OnFrame;
  #rest: Buffer | null = null;

  constructor(onFrame: OnFrame) {
    this.#onFrame = onFrame;
  }

  push(chunk: Buffer): void {
    let pos = 0;
    if (this.#rest !== null) {
      let rest: Buffer = this.#rest;
      for (const wanted of [frameHeaderBytes, 0]) {
        const missing = (wanted || frameLength(rest, 0)) - rest.length;
        if (missing <= 0) continue;
        rest = Buffer.concat([rest, chunk.subarray(pos, pos + missing)]);
        pos += missing;
        if (pos > chunk.length) {
          this.#rest = rest;
          return;
        }
      }
      this.#rest = null;
      this.#frame(rest, 0, rest.length);
    }
    while (chunk.length - pos >= frameHeaderBytes) {
      const end = pos + frameLength(chunk, pos);
      if (end > chunk.length) break;
      this.#frame(chunk, pos, end);
      pos = end;
    }
    if (pos < chunk.length) this.#rest = chunk.subarray(pos);
  }

  #frame(bytes: Buffer, start: number, end: number): void {
    const stream = (bytes[start + 5]! & 0x7f) * 0x1000000 + (bytes[start + 6]! << 16) + (bytes[start + 7]! << 8) + bytes[start + 8]!;
    this.#onFrame(bytes[start + 3]!, bytes[start + 4]!, stream, bytes.subarray(start + frameHeaderBytes, end));
  }
}

/** Of the frame at `pos`, header included. */
function frameLength(bytes: Buffer, pos: number): number {
  const length = (bytes[pos]! << 16) + (bytes[pos + 1]! << 8) + bytes[pos + 2]!;
  if (length > defaultFrameBytes) throw new ConnectionError(ErrorCode.FRAME_SIZE_ERROR, 'frame too large');
  return frameHeaderBytes + length;
}
