/** Changes of objects by chance, the same in every run. */
import { decode, encode } from '../codec/codec.ts';
import type { Fields, Tree } from '../tree.ts';
import { bool, number, string } from '../tree.ts';

/** Xorshift: the same in every run. */
export function draws(seed: number): (below: number) => number {
  let state = seed | 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

/** Something somewhere in the tree taken away, doubled, moved or made something else. */
function changed(tree: Tree, draw: (below: number) => number): Tree | undefined {
  if (draw(6) === 0) return undefined;
  switch (tree.kind) {
    case 'fields': {
      const names = [...tree.entries.keys()];
      if (names.length === 0) return tree;
      const entries = new Map(tree.entries);
      const name = names[draw(names.length)]!;
      const now = changed(tree.entries.get(name)!, draw);
      if (now === undefined) entries.delete(name);
      else entries.set(name, now);
      return { kind: 'fields', entries };
    }
    case 'list': {
      if (tree.items.length === 0) return tree;
      const at = draw(tree.items.length);
      const items = [...tree.items];
      if (draw(4) === 0) items.push(items[at]!);
      else if (draw(4) === 0) items.reverse();
      else items.splice(at, 1, ...[changed(items[at]!, draw)].filter((item) => item !== undefined));
      return { kind: 'list', items };
    }
    case 'bool': return bool(!tree.value);
    case 'number': return number(String(draw(100)));
    case 'string': return string(`${tree.value}${draw(10)}`);
    default: return tree;
  }
}

/** Of each stored object `rounds` versions in which something has been changed, as [from, to] both ways: what one takes away the other adds. */
export function* versions(values: readonly Uint8Array[], rounds: number, draw: (below: number) => number): Generator<readonly [from: Uint8Array, to: Uint8Array]> {
  for (const value of values) {
    const object = decode(value)!;
    for (let round = 0; round < rounds; round++) {
      let tree: Tree = object.tree;
      for (let n = 1 + draw(4); n > 0; n--) tree = changed(tree, draw) ?? tree;
      const bytes = encode({ ...object, tree: tree as Fields });
      yield [value, bytes];
      yield [bytes, value];
    }
  }
}
