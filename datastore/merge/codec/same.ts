/** Up to here a loop is faster than a call of native code. */
const SHORT_BYTES = 24;

/** Are these the same bytes? */
export function same(a: Uint8Array, aFrom: number, aTo: number, b: Uint8Array, bFrom: number, bTo: number): boolean {
  const length = aTo - aFrom;
  if (length !== bTo - bFrom) return false;
  if (length > SHORT_BYTES) return Buffer.prototype.compare.call(a, b, bFrom, bTo, aFrom, aTo) === 0;
  for (let i = 0; i < length; i++) if (a[aFrom + i] !== b[bFrom + i]) return false;
  return true;
}
