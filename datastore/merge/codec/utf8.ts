/** Text as apiserver orders and encodes it: UTF-8, keys sorted by their bytes. */

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The text of UTF-8 bytes, undefined if they are none. */
export function fromUtf8(bytes: Uint8Array): string | undefined {
  // Short ASCII is nearly everything, and cheaper without the decoder.
  if (bytes.length <= 32) {
    let text = '';
    for (const byte of bytes) {
      if (byte >= 0x80) return decode(bytes);
      text += String.fromCharCode(byte);
    }
    return text;
  }
  return decode(bytes);
}

function decode(bytes: Uint8Array): string | undefined {
  try {
    return strict.decode(bytes);
  } catch {
    return undefined;
  }
}

/** Orders as the UTF-8 bytes do, as Go's sort.Strings: JavaScript's own order differs above U+D7FF. */
export function compareUtf8(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x !== y) return rank(x) - rank(y);
  }
  return a.length - b.length;
}

/** Surrogates stand for code points above all others. */
const rank = (unit: number): number => (unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit);
