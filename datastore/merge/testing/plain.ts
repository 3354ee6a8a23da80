/**
 * The plain form of the rules, by themselves (REPLICATION.md, rules 1 to 3): every field of every write has its dot, nothing is left out because it is stable.
 * An object is a flat map of fields; `E:x` is the presence of an element, `E:x.f` a field in it, `F:x` a finalizer, `n` a counter.
 */
import type { Context, Stamp } from '../../stamp.ts';
import { compareStamps, inContext, slotOf } from '../../stamp.ts';

export interface PlainField {
  readonly dot: Stamp;
  readonly value: string;
}
export type PlainObject = ReadonlyMap<string, PlainField>;

export interface PlainHead {
  readonly stamp: Stamp;
  readonly context: Context;
  /** null: a deletion. */
  readonly fields: PlainObject | null;
}

const same = (a: Stamp, b: Stamp): boolean => a.lamport === b.lamport && a.log === b.log;
const elementOf = (name: string): string | undefined => /^(E:[^.]*)\./.exec(name)?.[1];

export function evaluatePlain(heads: readonly PlainHead[]): PlainObject | null {
  const live = heads.filter((h) => h.fields !== null) as (PlainHead & { fields: PlainObject })[];
  const created = (h: { fields: PlainObject }): Stamp => h.fields.get('u')!.dot;
  const standing = heads.filter((d) => d.fields === null
    && !live.some((l) => inContext(d.context, created(l)) && [...l.fields].some(([name, f]) => name.startsWith('F:') && !inContext(d.context, f.dot))));
  const alive = live.filter((l) => !standing.some((d) => inContext(d.context, created(l))));
  if (alive.length === 0) return null;
  const uid = (h: { fields: PlainObject }): string => h.fields.get('u')!.value;
  const known = alive.filter((h) => !alive.some((g) => uid(g) !== uid(h) && inContext(g.context, created(h)) && !inContext(h.context, created(g))));
  const best = [...(known.length > 0 ? known : alive)].sort((a, b) => slotOf(created(a).log) - slotOf(created(b).log) || compareStamps(created(b), created(a)))[0]!;
  const rest = alive.filter((h) => uid(h) === uid(best));
  const out = new Map<string, PlainField>();
  const candidates = (name: string, among: typeof rest): { of: PlainHead; field: PlainField }[] => {
    const all = among.flatMap((h) => (h.fields.has(name) ? [{ of: h, field: h.fields.get(name)! }] : []));
    const left = all.filter(({ of, field }) => !rest.some((g) => {
      if (g === of || !inContext(g.context, field.dot)) return false;
      const its = among.includes(g) ? g.fields.get(name) : undefined;
      return its === undefined || !same(its.dot, field.dot);
    }));
    // What every head has cannot be gone.
    return (left.length === 0 && all.length === rest.length ? all : left).sort((a, b) => compareStamps(b.field.dot, a.field.dot));
  };
  const names = [...new Set(rest.flatMap((h) => [...h.fields.keys()]))].sort();
  const among = new Map<string, typeof rest>();
  for (const name of names) {
    const element = elementOf(name);
    if (element !== undefined && !out.has(element)) continue;
    const found = candidates(name, element === undefined ? rest : among.get(element)!);
    const [first] = found;
    if (first === undefined) continue;
    // An element that was made on both sides is one side's.
    if (name.startsWith('E:') && element === undefined) among.set(name, rest.filter((h) => h.fields.has(name) && same(h.fields.get(name)!.dot, first.field.dot)));
    const value = name === 'n' ? String(Math.max(...found.map(({ field }) => Number(field.value)))) : first.field.value;
    out.set(name, { dot: first.field.dot, value });
  }
  // Deleted, but for a finalizer that has been taken away since.
  const overruled = heads.some((d) => d.fields === null && !standing.includes(d) && inContext(d.context, created(best)));
  return overruled && ![...out.keys()].some((name) => name.startsWith('F:')) ? null : out;
}

/** What a write over a value makes of the dots. */
export function writtenOver(before: PlainObject | null, after: ReadonlyMap<string, string>, stamp: Stamp): PlainObject {
  const keep = before !== null && before.get('u')!.value === after.get('u');
  return new Map([...after].map(([name, value]) => {
    const old = keep ? before.get(name) : undefined;
    // What is in an element that is new is new.
    const element = elementOf(name);
    const fresh = element !== undefined && keep && !before.has(element);
    return [name, old !== undefined && old.value === value && !fresh ? old : { dot: stamp, value }];
  }));
}
