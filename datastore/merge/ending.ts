/**
 * How objects end of which two sides had a say: holds for kinds that merge whole, too. What was told to end on one side ends, and waits for the finalizers of
 * both; once the last is gone the object is, as at kube-apiserver.
 */
import type { Context, Stamp } from '../stamp.ts';
import { compareStamps, inContext } from '../stamp.ts';
import type { DecodedObject } from './codec/types.ts';
import { below, Dots, element, sameDot, sameStamp } from './dots.ts';
import { contentKey } from './shape.ts';
import { at, equal, number, string } from './tree.ts';
import type { Fields, Tree } from './tree.ts';

/** A head that holds an object. */
export interface ObjectHead {
  readonly stamp: Stamp;
  readonly context: Context;
  readonly object: DecodedObject;
  readonly dots: Dots;
}

const FINALIZERS = below('metadata', 'finalizers');
const TIME = ['metadata', 'deletionTimestamp'] as const;
const GRACE = ['metadata', 'deletionGracePeriodSeconds'] as const;

export const finalizerDot = (dots: Dots, finalizer: Tree): Stamp => dots.of(element(FINALIZERS, contentKey(finalizer)));

export const finalizersOf = (tree: Fields): readonly Tree[] => itemsAt(tree, 'metadata', 'finalizers');

function itemsAt(tree: Fields, ...path: readonly string[]): readonly Tree[] {
  const list = at(tree, ...path);
  return list?.kind === 'list' ? list.items : [];
}

/** @param value undefined takes away what is there */
export function replaceAt(tree: Fields, [name, ...rest]: readonly string[], value: Tree | undefined): Fields {
  const entries = new Map(tree.entries);
  const inner = entries.get(name!);
  const now = rest.length === 0 ? value : replaceAt(inner?.kind === 'fields' ? inner : { kind: 'fields', entries: new Map() }, rest, value);
  if (now === undefined) entries.delete(name!);
  else entries.set(name!, now);
  return { kind: 'fields', entries };
}

/**
 * One side's object as it is for all of them: with the finalizers that nobody took away, and terminating if it is so anywhere (nobody can take that back).
 * @param same heads of one object, `winner` among them
 */
export function withEnding(winner: ObjectHead, same: readonly ObjectHead[]): { readonly tree: Fields; readonly dots: Dots } {
  const finalizers = standing(winner, same);
  const own = finalizersOf(winner.object.tree);
  const alike = finalizers.length === own.length && finalizers.every(({ finalizer }, i) => equal(finalizer, own[i]!));
  const list: Tree | undefined = finalizers.length === 0 ? undefined : { kind: 'list', items: finalizers.map(({ finalizer }) => finalizer) };
  const tree = alike ? winner.object.tree : replaceAt(winner.object.tree, ['metadata', 'finalizers'], list);
  const exceptions = new Map([...winner.dots.exceptions].filter(([path]) => !path.startsWith(`${FINALIZERS}/`)));
  for (const { finalizer, dot } of finalizers) if (!sameStamp(dot, winner.dots.usual)) exceptions.set(element(FINALIZERS, contentKey(finalizer)), dot);
  return { tree: terminatingAsAny(tree, same), dots: new Dots(winner.dots.created, winner.dots.usual, exceptions) };
}

/** As in fields.ts: a dot that another head has in its context but no longer carries was taken away. */
function standing(winner: ObjectHead, same: readonly ObjectHead[]): { readonly finalizer: Tree; readonly dot: Stamp }[] {
  const all = new Map<string, { readonly finalizer: Tree; readonly holders: ObjectHead[] }>();
  for (const head of [winner, ...same.filter((other) => other !== winner)]) {
    for (const finalizer of finalizersOf(head.object.tree)) {
      const key = contentKey(finalizer);
      const known = all.get(key);
      if (known === undefined) all.set(key, { finalizer, holders: [head] });
      else if (!known.holders.includes(head)) known.holders.push(head);
    }
  }
  return [...all.values()].flatMap(({ finalizer, holders }) => {
    const rest = holders.filter((head) => !same.some((other) => {
      const dot = finalizerDot(head.dots, finalizer);
      if (other === head || !inContext(other.context, dot)) return false;
      return !holders.includes(other) || !sameDot(finalizerDot(other.dots, finalizer), other.context, dot, head.context);
    }));
    const kept = rest.length === 0 && holders.length === same.length ? holders : rest;
    const dots = kept.map((head) => finalizerDot(head.dots, finalizer));
    return dots.length === 0 ? [] : [{ finalizer, dot: dots.reduce((a, b) => (compareStamps(b, a) > 0 ? b : a)) }];
  });
}

function terminatingAsAny(tree: Fields, same: readonly ObjectHead[]): Fields {
  const times = same.flatMap(({ object }) => at(object.tree, ...TIME) ?? []).flatMap((time) => (time.kind === 'string' ? [time.value] : []));
  if (times.length === 0) return tree;
  const graces = same.flatMap(({ object }) => at(object.tree, ...GRACE) ?? []).flatMap((grace) => (grace.kind === 'number' ? [Number(grace.text)] : []));
  // Times as Kubernetes writes them, in UTC: text order is their order.
  const ending = replaceAt(tree, TIME, string(times.reduce((a, b) => (a < b ? a : b))));
  return graces.length === 0 ? ending : replaceAt(ending, GRACE, number(String(Math.min(...graces))));
}

/**
 * Told to end on one side, and the last finalizer taken away on another: kube-apiserver would have deleted it with that. Left as it is, it would stay until
 * somebody happens to write it again.
 */
export function hasEnded(tree: Fields, same: readonly Pick<ObjectHead, 'object'>[]): boolean {
  return over(tree) && !same.some(({ object }) => over(object.tree));
}

function over(tree: Fields): boolean {
  const grace = at(tree, ...GRACE);
  if (at(tree, ...TIME) === undefined || (grace?.kind === 'number' && Number(grace.text) > 0)) return false;
  // A namespace has finalizers of its own, too.
  return finalizersOf(tree).length === 0 && itemsAt(tree, 'spec', 'finalizers').length === 0;
}
