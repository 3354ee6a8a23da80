/**
 * What a write has changed: compares the new value with the one that its author saw. Changed fields get the stamp of the write, unchanged ones keep their
 * dots, removed ones are absent (REPLICATION.md, rule 1).
 */
import type { Stamp } from '../stamp.ts';
import type { DecodedObject } from './codec/types.ts';
import { below, Dots, OLD, sameStamp } from './dots.ts';
import { OWN } from './info.ts';
import { placeBelow } from './policy/policy.ts';
import type { CompiledKind, Place } from './policy/policy.ts';
import type { Schema } from './schema/types.ts';
import { elementsOf, partsOf, shapeOf } from './shape.ts';
import type { Part } from './shape.ts';
import { at, entrySchema, equal } from './tree.ts';
import type { Fields, List, Tree } from './tree.ts';

/** A new object: everything in it is of this write. */
export const fresh = new Dots(OWN, OWN, new Map());

/**
 * @param dots of the value before
 * @param stable dots that need no name any more
 */
export function describe(before: DecodedObject, dots: Dots, after: DecodedObject, kind: CompiledKind, stable: (dot: Stamp) => boolean): Dots {
  const kept = (dot: Stamp): Stamp => (dot.lamport === 0 || stable(dot) ? OLD : dot);
  const usual = kept(dots.usual);
  const exceptions = new Map<string, Stamp>();
  for (const [path, dot] of dots.exceptions) {
    const now = kept(dot);
    if (!sameStamp(now, usual)) exceptions.set(path, now);
  }
  const changes = new Changes(exceptions);
  if (kind.merge === 'field') changes.compare('', before.tree, after.tree, after.schema, kind.root);
  else changes.finalizers(before, after, kind.root);
  return new Dots(dots.created, usual, exceptions);
}

/** The dots of an object's fields as they become one write's. */
export class Changes {
  readonly #dots: Map<string, Stamp>;

  constructor(dots: Map<string, Stamp>) {
    this.#dots = dots;
  }

  /** Of what merges whole only finalizers have a say of their own. */
  finalizers(before: DecodedObject, after: DecodedObject, root: Place): void {
    const [a, b] = [at(before.tree, 'metadata', 'finalizers'), at(after.tree, 'metadata', 'finalizers')];
    const path = below('metadata', 'finalizers');
    const place = placeBelow(placeBelow(root, 'metadata'), 'finalizers');
    const schema = entrySchema(entrySchema(after.schema, 'metadata'), 'finalizers');
    if (a === undefined) {
      if (b !== undefined) this.#added({ path, tree: b, schema, place, unit: false });
    } else if (b === undefined) this.forget(path);
    else this.compare(path, a, b, schema, place);
  }

  compare(path: string, before: Tree, after: Tree, schema: Schema, place: Place | undefined): void {
    if (before === after) return;
    const shape = shapeOf([before, after], schema, place);
    if (shape.kind === 'leaf') {
      if (!equal(before, after)) this.changed(path);
      return;
    }
    const parts = (tree: Tree): Map<string, Part> => (shape.kind === 'fields' ? partsOf(tree as Fields, path, schema, place) : elementsOf(tree as List, path, shape.list, place));
    const [old, now] = [parts(before), parts(after)];
    for (const [name, part] of old) if (!now.has(name)) this.forget(part.path);
    for (const [name, part] of now) {
      const same = old.get(name);
      if (same === undefined) this.#added(part);
      else this.compare(part.path, same.tree, part.tree, part.schema, part.place);
    }
  }

  #added({ path, tree, schema, place }: Part): void {
    const shape = shapeOf([tree], schema, place);
    if (shape.kind !== 'elements') this.appeared(path);
    if (shape.kind === 'leaf') return;
    const parts = shape.kind === 'fields' ? partsOf(tree as Fields, path, schema, place) : elementsOf(tree as List, path, shape.list, place);
    for (const part of parts.values()) this.#added(part);
  }

  /** Something stands at a path where nothing was. */
  appeared(path: string): void {
    this.#dots.set(path, OWN);
  }

  /** What stands at a path is another now. */
  changed(path: string): void {
    this.forget(path);
    this.appeared(path);
  }

  /** What stands at a path as one thing is not what stood there; `was`, `is`: whether anything did, and does. */
  replaced(path: string, was: boolean, is: boolean): void {
    if (!is) this.forget(path);
    else if (was) this.changed(path);
    else this.appeared(path);
  }

  /** Nothing of what was listed at or below a path is there any more. */
  forget(path: string): void {
    if (this.#dots.size === 0) return;
    this.#dots.delete(path);
    for (const other of this.#dots.keys()) if (other.startsWith(path) && other[path.length] === '/') this.#dots.delete(other);
  }
}
