import { ConnectionError, ErrorCode } from './constants.ts';
import { huffmanLengths } from './tables.ts';

const eos = 256;
const errHuffman = () => new ConnectionError(ErrorCode.COMPRESSION_ERROR, 'malformed Huffman code');

/** A node of the code's tree: [child of 0, child of 1], or the symbol. */
type Node = [Node | number | undefined, Node | number | undefined];

const root = buildTree();

/** Codes of one length are consecutive, and symbols of one length ascend. */
function buildTree(): Node {
  const symbols = [...huffmanLengths.keys()].sort((a, b) => huffmanLengths[a]! - huffmanLengths[b]! || a - b);
  const tree: Node = [undefined, undefined];
  let code = 0;
  let length = 0;
  for (const symbol of symbols) {
    code *= 2 ** (huffmanLengths[symbol]! - length);
    length = huffmanLengths[symbol]!;
    let node = tree;
    for (let bit = length - 1; bit > 0; bit--) node = (node[Math.floor(code / 2 ** bit) % 2] ??= [undefined, undefined]) as Node;
    node[code % 2] = symbol;
    code++;
  }
  return tree;
}

/** Decodes to one character per byte. */
export function huffmanDecode(bytes: Buffer): string {
  const decoded: number[] = [];
  let node = root;
  let pending = 0;
  let ones = true;
  for (const byte of bytes) {
    for (let bit = 7; bit >= 0; bit--) {
      const one = (byte >> bit) & 1;
      const next = node[one];
      if (next === undefined || next === eos) throw errHuffman();
      if (typeof next === 'number') {
        decoded.push(next);
        node = root;
        pending = 0;
        ones = true;
      } else {
        node = next;
        pending++;
        if (one === 0) ones = false;
      }
    }
  }
  // Padding: fewer than eight bits, all ones (a prefix of EOS).
  if (pending > 7 || !ones) throw errHuffman();
  return Buffer.from(decoded).toString('latin1');
}
