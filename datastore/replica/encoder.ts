/**
 * Encoders of lib0 whose room is known beforehand. One that grows begins with 100 bytes and takes twice as much again and again: a piece of 64 KiB is then made of ten buffers and copied
 * once more at the end, and a process that sends thousands of them has its memory taken and given back all the time.
 */
import * as encoding from 'lib0/encoding';

/** An encoder with room for so many bytes; it grows if there are more. */
export function encoderFor(bytes: number): encoding.Encoder {
  const encoder = encoding.createEncoder();
  encoder.cbuf = new Uint8Array(bytes);
  return encoder;
}

/** What has been written; not copied if it did not need more than the room it was given. What is written afterwards does not change it. */
export function written(encoder: encoding.Encoder): Uint8Array {
  return encoder.bufs.length === 0 ? encoder.cbuf.subarray(0, encoder.cpos) : encoding.toUint8Array(encoder);
}
