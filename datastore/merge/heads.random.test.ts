/**
 * Random replicas write one object, concurrently, and exchange writes and reports in any order. What merge/ makes of it, where stable dots have no name, where
 * merge records are written as soon as all heads are stable, and objects are real bytes, is compared with the plain rules (testing/plain.ts),
 * which know every dot and no merge record.
 */
import { expect, test } from '@jest/globals';
import type { Stamp } from '../stamp.ts';
import { compareStamps, inContext, logId } from '../stamp.ts';
import { describe as describeWrite, fresh } from './describe.ts';
import { Dots } from './dots.ts';
import { DELETED, evaluate } from './heads.ts';
import type { Head, Outcome } from './heads.ts';
import { decodeInfo, encodeInfo } from './info.ts';
import { Policies } from './policy/policy.ts';
import { defaultPolicy } from './policy/table.ts';
import { decoded, deployment, fieldsOf } from './testing/objects.ts';
import { evaluatePlain, writtenOver } from './testing/plain.ts';
import type { PlainObject } from './testing/plain.ts';

const policies = new Policies({ ...defaultPolicy, kinds: defaultPolicy.kinds.map((kind) => ({ ...kind, checks: [] })) });
const kind = policies.of(decoded(deployment(new Map([['u', '1']]))));

interface Written {
  readonly stamp: Stamp;
  readonly context: Map<number, number>;
  readonly plain: PlainObject | null;
  readonly value: Uint8Array | null;
  readonly info: Uint8Array | null;
  readonly merge: boolean;
}

function random(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

const seen = (context: ReadonlyMap<number, number>, other: ReadonlyMap<number, number>): boolean => [...other].every(([log, lamport]) => (context.get(log) ?? 0) >= lamport);
const show = (fields: Iterable<readonly [string, string]> | null): string => (fields === null ? '-' : [...fields].map(([name, value]) => `${name}=${value}`).sort().join());
const plainText = (object: PlainObject | null): string => show(object === null ? null : [...object].map(([name, { value }]) => [name, value] as const));

class Replica {
  readonly log: number;
  lamport = 0;
  context = new Map<number, number>();
  held: Written[] = [];
  /** What others have said that they hold. */
  readonly reports = new Map<number, Map<number, number>>();

  constructor(slot: number) {
    this.log = logId(slot, 7);
  }

  heads(merges: boolean): Written[] {
    const all = merges ? this.held : this.held.filter(({ merge }) => !merge);
    return all.filter((h) => !all.some((g) => g !== h && inContext(g.context, h.stamp))).sort((a, b) => compareStamps(a.stamp, b.stamp));
  }

  stable(stamp: Stamp, all: readonly Replica[]): boolean {
    return all.every((other) => {
      if (other === this) return true;
      const report = this.reports.get(other.log);
      return report !== undefined && inContext(report, stamp) && seen(this.context, report);
    });
  }

  take(write: Written): void {
    this.held.push(write);
    this.lamport = Math.max(this.lamport, write.stamp.lamport);
    this.context.set(write.stamp.log, write.stamp.lamport);
  }
}

const decodedOnce = new WeakMap<Written, Head>();
function headOf(write: Written): Head {
  const { stamp, context, value, info } = write;
  let head = decodedOnce.get(write);
  if (head === undefined) {
    head = { stamp, context, object: value === null ? null : decoded(value), dots: info === null ? null : decodeInfo(info, stamp, 1) };
    decodedOnce.set(write, head);
  }
  return head;
}
const outcomeOf = (heads: readonly Written[]): Outcome => evaluate(heads.map(headOf), policies);
const textOf = (outcome: Outcome): string => show(outcome.from === DELETED ? null : fieldsOf(outcome.object!));

/** More of them by hand: MERGE_SEEDS=2000. */
const SEEDS = Number(process.env['MERGE_SEEDS'] ?? 40);

let counter = 0;
function mutate(rand: (below: number) => number, before: PlainObject | null): Map<string, string> {
  const value = (): string => String(++counter);
  if (before === null || rand(12) === 0) return new Map([['u', `u${value()}`], ['l', value()], ...(rand(2) ? [['E:x', 'x'] as const, ['E:x.i', value()] as const] : [])]);
  const after = new Map([...before].map(([name, f]) => [name, f.value]));
  for (let i = 1 + rand(2); i > 0; i--) {
    const name = ['l', 'a', 's', 'n', 'E:x', 'E:y', 'E:x.i', 'E:x.w', 'E:y.i', 'F:f', 'F:g'][rand(11)]!;
    const element = /^(E:.)\./.exec(name)?.[1];
    if (element !== undefined && !after.has(element)) continue;
    if (name === 'n') after.set(name, String(rand(6)));
    else if (/^(E|F):.$/.test(name) && after.has(name)) for (const other of [...after.keys()]) { if (other === name || other.startsWith(`${name}.`)) after.delete(other); }
    else if (/^(E|F):.$/.test(name)) after.set(name, name.slice(2));
    else if (after.has(name) && rand(3) === 0) after.delete(name);
    else after.set(name, value());
  }
  return after;
}

function run(seed: number): { conflicts: number; merges: number; widest: number } {
  const rand = random(seed);
  const replicas = Array.from({ length: seed % 5 === 0 ? 10 + rand(3) : 2 + rand(3) }, (_, slot) => new Replica(slot));
  const all: Written[] = [];
  const stats = { conflicts: 0, merges: 0, widest: 0 };
  const write = (replica: Replica, make: (stamp: Stamp) => Pick<Written, 'plain' | 'value' | 'info' | 'merge'>): void => {
    const stamp = { lamport: replica.lamport + 1, log: replica.log };
    const made: Written = { stamp, context: new Map([...replica.context, [replica.log, stamp.lamport]]), ...make(stamp) };
    all.push(made);
    replica.take(made);
  };
  const check = (replica: Replica): void => {
    const heads = replica.heads(true);
    if (heads.length === 0) return;
    stats.widest = Math.max(stats.widest, heads.length);
    const want = plainText(evaluatePlain(replica.heads(false).map(({ stamp, context, plain }) => ({ stamp, context, fields: plain }))));
    if (heads.length > 1) stats.conflicts++;
    expect(textOf(outcomeOf(heads))).toBe(want);
    for (let i = heads.length - 1; i > 0; i--) {
      const j = rand(i + 1);
      [heads[i], heads[j]] = [heads[j]!, heads[i]!];
    }
    expect(textOf(outcomeOf(heads))).toBe(want);
  };
  const writeSomething = (replica: Replica): void => {
    const plain = evaluatePlain(replica.heads(false).map(({ stamp, context, plain: fields }) => ({ stamp, context, fields })));
    const heads = replica.heads(true);
    const view = heads.length === 0 ? null : outcomeOf(heads);
    write(replica, (stamp) => {
      if (plain !== null && rand(7) === 0) return { plain: null, value: null, info: null, merge: false };
      const after = mutate(rand, plain);
      const value = deployment(after);
      const over = view !== null && view.from !== DELETED && view.object!.uid === after.get('u');
      const dots = over ? describeWrite(view.object!, view.dots!, decoded(value), kind, (dot) => replica.stable(dot, replicas)) : fresh;
      return { plain: writtenOver(plain, after, stamp), value, info: encodeInfo(dots, 1), merge: false };
    });
  };
  const deliverable = (replica: Replica): Written[] => all.filter((w) => !replica.held.includes(w)
    && [...w.context].every(([log, lamport]) => log === w.stamp.log || lamport <= (replica.context.get(log) ?? 0))
    && !all.some((other) => other.stamp.log === w.stamp.log && other.stamp.lamport < w.stamp.lamport && !replica.held.includes(other)));
  const report = (replica: Replica, chance: number): void => {
    for (const other of replicas) if (other !== replica && rand(100) < chance) other.reports.set(replica.log, new Map(replica.context));
  };
  if (seed % 5 === 0) {
    // All of them at once.
    writeSomething(replicas[0]!);
    for (const replica of replicas.slice(1)) replica.take(all[0]!);
    for (const replica of replicas) writeSomething(replica);
    for (const one of replicas) for (let next = deliverable(one); next.length > 0; next = deliverable(one)) one.take(next[0]!);
    check(replicas[rand(replicas.length)]!);
  }
  for (let step = 0; step < 100; step++) {
    const replica = replicas[rand(replicas.length)]!;
    const draw = rand(22);
    if (draw < 6) writeSomething(replica);
    else if (draw < 13) {
      const next = deliverable(replica);
      if (next.length > 0) replica.take(next[rand(next.length)]!);
    } else if (draw < 18) {
      report(replica, 70);
    } else if (draw === 18) {
      // Everything goes everywhere, and is reported.
      for (const one of replicas) for (let next = deliverable(one); next.length > 0; next = deliverable(one)) one.take(next[0]!);
      for (const one of replicas) report(one, 97);
    } else {
      const heads = replica.heads(true);
      if (heads.length > 1 && heads.at(-1)!.stamp.log === replica.log && heads.every(({ stamp }) => replica.stable(stamp, replicas))) {
        const outcome = outcomeOf(heads);
        stats.merges++;
        write(replica, () => outcome.from === DELETED
          ? { plain: null, value: null, info: null, merge: true }
          : { plain: new Map(), value: deployment(fieldsOf(outcome.object!)), info: encodeInfo(new Dots(outcome.dots!.created, { lamport: 0, log: 0 }, new Map()), 1), merge: true });
      }
    }
    check(replica);
  }
  return stats;
}

test('merging without names for stable dots, with merge records, amounts to the plain rules', () => {
  const total = { conflicts: 0, merges: 0, widest: 0 };
  for (let seed = 1; seed <= SEEDS; seed++) {
    try {
      const { conflicts, merges, widest } = run(seed);
      total.conflicts += conflicts;
      total.merges += merges;
      total.widest = Math.max(total.widest, widest);
    } catch (error) {
      throw new Error(`seed ${seed}: ${(error as Error).message}`, { cause: error });
    }
  }
  expect(total.conflicts).toBeGreaterThan(SEEDS * 10);
  expect(total.merges).toBeGreaterThan(SEEDS / 8);
  expect(total.widest).toBeGreaterThanOrEqual(10);
});
