/**
 * What a key is while it has several heads: writes of which no author had seen another's. A pure function of the heads (REPLICATION.md, rule 3): it does not
 * matter in which order they came, who computes it, or whether it is written down in between.
 */
import type { Context, LogId, Stamp } from '../stamp.ts';
import { compareStamps, inContext, slotOf } from '../stamp.ts';
import { checks } from './checks/checks.ts';
import type { DecodedObject } from './codec/types.ts';
import type { Decision } from './decision.ts';
import { below, Dots, element } from './dots.ts';
import { finalizerDot, finalizersOf, hasEnded, replaceAt, withEnding } from './ending.ts';
import type { ObjectHead } from './ending.ts';
import { mergeFields } from './fields.ts';
import { kindName } from './policy/policy.ts';
import type { CompiledKind, Policies } from './policy/policy.ts';
import { contentKey } from './shape.ts';
import { at, equal, number, string, textAt } from './tree.ts';
import type { Fields, Tree } from './tree.ts';

/** One head, decoded. */
export interface Head {
  readonly stamp: Stamp;
  readonly context: Context;
  /** null: a deletion. 'opaque': no object of Kubernetes, or its author did not say what it had changed. */
  readonly object: DecodedObject | 'opaque' | null;
  /** Of an object only. */
  readonly dots: Dots | null;
}

export interface Outcome {
  /** Index of the head whose value, as it stands, is the result; -1: `object` is; -2: the key is deleted. */
  readonly from: number;
  readonly object: DecodedObject | null;
  /** Of the result, for who writes over it; null: opaque or deleted. */
  readonly dots: Dots | null;
  /** Index of the head whose lease counts; -1 if deleted. */
  readonly lease: number;
  readonly kind: string;
  readonly decisions: readonly Decision[];
}

export const MERGED = -1;
export const DELETED = -2;

interface Live extends ObjectHead {
  readonly index: number;
}

/** @param heads any order; at least one */
export function evaluate(heads: readonly Head[], policies: Policies): Outcome {
  const live: Live[] = [];
  let opaque = false;
  heads.forEach(({ object, dots, stamp, context }, index) => {
    if (object === null) return;
    if (object === 'opaque' || dots === null) opaque = true;
    else live.push({ index, stamp, context, object, dots });
  });
  if (opaque) return highestOf(heads, [...heads.keys()], 'last-writer', 'opaque', []);
  live.sort((a, b) => compareStamps(b.stamp, a.stamp));
  const decisions: Decision[] = [];
  const kind = live[0] === undefined ? 'opaque' : kindName(live[0].object);

  const deletions = heads.filter(({ object }) => object === null);
  const { standing, overruled } = againstFinalizers(deletions, live, decisions);
  const left = againstDeletions(standing, live, decisions);
  if (left.length === 0) return { from: DELETED, object: null, dots: null, lease: -1, kind, decisions };
  const same = oneUid(left, decisions);
  const outcome = mergeSame(heads, same, policies, kind, decisions);
  const deletion = overruled.find((d) => inContext(d.context, same[0]!.dots.created));
  const shown = deletion === undefined ? outcome : terminating(outcome, same, deletion.stamp);
  return hasEnded(shown.object!.tree, same) ? { from: DELETED, object: null, dots: null, lease: -1, kind, decisions } : shown;
}

/** (a) A deletion is ignored if a head has a finalizer that the deletion's author had not seen, on an object that it had. */
function againstFinalizers(deletions: readonly Head[], live: readonly Live[], decisions: Decision[]): { standing: Head[]; overruled: Head[] } {
  const standing: Head[] = [];
  const overruled: Head[] = [];
  for (const deletion of deletions) {
    const saver = live.find(({ object, dots }) => inContext(deletion.context, dots.created)
      && finalizersOf(object.tree).some((finalizer) => !inContext(deletion.context, finalizerDot(dots, finalizer))));
    if (saver === undefined) standing.push(deletion);
    else {
      overruled.push(deletion);
      decisions.push({ rule: 'finalizer', path: '', winner: saver.stamp, loser: deletion.stamp });
    }
  }
  return { standing, overruled };
}

/** (b) What a remaining deletion's author had seen created is gone, however it was edited since. */
function againstDeletions(standing: readonly Head[], live: readonly Live[], decisions: Decision[]): Live[] {
  return live.filter((head) => {
    const by = standing.find((deletion) => inContext(deletion.context, head.dots.created));
    if (by !== undefined) decisions.push({ rule: 'delete', path: '', winner: by.stamp, loser: head.stamp });
    return by === undefined;
  });
}

/**
 * (c) Of objects with different uids one wins, by where and when it was created and never by its latest edit. A uid that another head's author had seen and
 * does not show any more was deleted. Of the rest that of the lowest slot, so that a pod and its volume claim come from the same side.
 */
function oneUid(left: readonly Live[], decisions: Decision[]): Live[] {
  if (left.every(({ object }) => object.uid === left[0]!.object.uid)) return [...left];
  const known = left.filter((head) => !left.some((other) => other.object.uid !== head.object.uid
    && inContext(other.context, head.dots.created) && !inContext(head.context, other.dots.created)));
  const contenders = known.length > 0 ? known : left;
  const best = contenders.reduce((a, b) => (bySlot(a.dots.created, b.dots.created) <= 0 ? a : b));
  const winners = left.filter(({ object }) => object.uid === best.object.uid);
  for (const head of left) if (head.object.uid !== best.object.uid) decisions.push({ rule: 'uid', path: '', winner: winners[0]!.stamp, loser: head.stamp });
  return winners;
}

/** A stable creation has lost its name: it is older than all others. */
const slotOfCreation = (created: Stamp): number => (created.lamport === 0 ? -1 : slotOf(created.log as LogId));
const bySlot = (a: Stamp, b: Stamp): number => slotOfCreation(a) - slotOfCreation(b) || compareStamps(b, a);

/** @param same heads of one object, the highest stamp first */
function mergeSame(heads: readonly Head[], same: readonly Live[], policies: Policies, kind: string, decisions: Decision[]): Outcome {
  const first = same[0]!;
  if (same.length === 1) return { from: first.index, object: first.object, dots: first.dots, lease: first.index, kind, decisions };
  const policy = policies.of(first.object);
  const whole = (rule: 'whole' | 'invalid'): Outcome => {
    const outcome = highestOf(heads, same.map(({ index }) => index), rule, kind, decisions);
    if (policy.light === true) return outcome;
    const { tree, dots } = withEnding(first, same);
    return equal(tree, first.object.tree) ? { ...outcome, dots } : { ...outcome, from: MERGED, object: { ...first.object, tree }, dots };
  };
  const alike = same.every(({ object }) => object.format === first.object.format && object.apiVersion === first.object.apiVersion && object.kind === first.object.kind);
  if (policy.merge === 'whole' || !alike || apart(same, policy)) return whole('whole');
  const merged = mergeFields(same.map(({ stamp, context, dots, object }) => ({ stamp, context, dots, tree: object.tree })), first.object.schema, policy.root);
  const tree = withGeneration(oneController(merged.tree, merged.dots, merged.decisions, same), same);
  if ((policy.checks ?? []).some((name) => checks[name]?.(tree) !== undefined)) return whole('invalid');
  decisions.push(...merged.decisions);
  const unchanged = same.find(({ object }) => equal(object.tree, tree));
  if (unchanged !== undefined) return { from: unchanged.index, object: unchanged.object, dots: merged.dots, lease: first.index, kind, decisions };
  return { from: MERGED, object: { ...first.object, tree }, dots: merged.dots, lease: first.index, kind, decisions };
}

/** They have grown apart: a pod that was bound to two nodes, say. */
function apart(same: readonly Live[], { wholeIfDifferent = [], wholeIfTrue = [] }: CompiledKind): boolean {
  const found = (path: string): Tree[] => same.map(({ object }) => at(object.tree, ...path.split('.'))).filter((tree) => tree !== undefined && !(tree.kind === 'string' && tree.value === '')) as Tree[];
  return wholeIfDifferent.some((path) => found(path).some((tree, _, all) => !equal(tree, all[0]!)))
    || wholeIfTrue.some((path) => found(path).some((tree) => tree.kind === 'bool' && tree.value));
}

/** Two controllers that claimed an object on two sides: the later claim stands. */
function oneController(tree: Fields, dots: Dots, decisions: Decision[], same: readonly Live[]): Fields {
  const owners = at(tree, 'metadata', 'ownerReferences');
  if (owners?.kind !== 'list') return tree;
  const controllers = owners.items.filter((owner) => {
    const flag = at(owner, 'controller');
    return flag?.kind === 'bool' && flag.value;
  });
  if (controllers.length < 2) return tree;
  const dotOf = (owner: Tree): Stamp => dots.of(element(below('metadata', 'ownerReferences'), JSON.stringify([textAt(owner, 'uid')])));
  const winner = controllers.reduce((a, b) => (compareStamps(dotOf(b), dotOf(a)) > 0 ? b : a));
  const items = owners.items.filter((owner) => owner === winner || !controllers.includes(owner));
  for (const owner of controllers) {
    if (owner !== winner) decisions.push({ rule: 'controller', path: 'metadata/ownerReferences', winner: stampBy(same, dotOf(winner)), loser: stampBy(same, dotOf(owner)), lost: contentKey(owner) });
  }
  return replaceAt(tree, ['metadata', 'ownerReferences'], { kind: 'list', items });
}

/** The head that says so: of a dot that is none's own, the first. */
const stampBy = (same: readonly Live[], dot: Stamp): Stamp => (same.find(({ stamp }) => compareStamps(stamp, dot) === 0) ?? same[0]!).stamp;

/** Controllers compare the generation with what they have acted on: a spec that no side had is a new one. */
function withGeneration(tree: Fields, same: readonly Live[]): Fields {
  const generation = at(tree, 'metadata', 'generation');
  const spec = at(tree, 'spec');
  if (generation?.kind !== 'number' || spec === undefined) return tree;
  const known = same.some(({ object }) => {
    const other = at(object.tree, 'spec');
    return other !== undefined && equal(other, spec);
  });
  return known ? tree : replaceAt(tree, ['metadata', 'generation'], number(String(Number(generation.text) + 1)));
}

/** A finalizer that came too late for the deletion: the object is there, but on its way out. */
function terminating(outcome: Outcome, same: readonly Live[], deletion: Stamp): Outcome {
  const object = outcome.object!;
  if (at(object.tree, 'metadata', 'deletionTimestamp') !== undefined) return outcome;
  // A time is needed, and no clock is to decide: that of the creation is past, and the same for all.
  const created = textAt(object.tree, 'metadata', 'creationTimestamp') || '1970-01-01T00:00:00Z';
  const tree = replaceAt(replaceAt(object.tree, ['metadata', 'deletionTimestamp'], string(created)), ['metadata', 'deletionGracePeriodSeconds'], number('0'));
  const dots = outcome.dots ?? same[0]!.dots;
  const exceptions = new Map([...dots.exceptions, [below('metadata', 'deletionTimestamp'), deletion], [below('metadata', 'deletionGracePeriodSeconds'), deletion]]);
  return { ...outcome, from: MERGED, object: { ...object, tree }, dots: new Dots(dots.created, dots.usual, exceptions) };
}

/** (f) The highest stamp takes it all. */
function highestOf(heads: readonly Head[], among: readonly number[], rule: 'last-writer' | 'whole' | 'invalid', kind: string, decisions: Decision[]): Outcome {
  const top = among.reduce((a, b) => (compareStamps(heads[a]!.stamp, heads[b]!.stamp) > 0 ? a : b));
  const winner = heads[top]!;
  for (const index of among) if (index !== top) decisions.push({ rule, path: '', winner: winner.stamp, loser: heads[index]!.stamp });
  const object = winner.object === 'opaque' ? null : winner.object;
  return { from: winner.object === null ? DELETED : top, object, dots: object === null ? null : winner.dots, lease: winner.object === null ? -1 : top, kind, decisions };
}
