/** All pairs of edits at once: an object for each pair, both sides cut apart, one edit on each side, then healed. */
import { KubeError, type KubeApi, type KubeObject } from '../kube-api.ts';
import type { Cells } from '../cells.ts';
import { until } from '../scenario.ts';
import { pairs, type Outcome, type Subject } from './subject.ts';

export interface PairResult {
  readonly first: string;
  readonly second: string;
  readonly outcome: Outcome;
  /** As both apiservers serve it; undefined if it is gone. */
  readonly object: KubeObject | undefined;
}

const nameOf = (first: string, second: string): string => `${first}-${second}`;

/** The objects before the cut, known on both sides. */
export async function prepare(cells: Cells, subject: Subject): Promise<void> {
  const { namespace, path, base } = subject;
  await createNamespace(cells.a.api, namespace);
  await inParallel(pairs(subject), ([first, second]) => cells.a.api.create(path, base(nameOf(first, second))));
  await until('the other side has them', 60, async () => (await cells.b.api.list(path)).items.length === pairs(subject).length);
}

/** The edits: the first of each pair on side a, the second on side b. */
export async function edit(cells: Cells, subject: Subject): Promise<void> {
  const apply = (name: string, pair: readonly [string, string], side: 'a' | 'b'): Promise<unknown> => subject.edits[name]!.apply(cells[side].api, `${subject.path}/${nameOf(...pair)}`, side);
  await Promise.all([
    inParallel(pairs(subject), (pair) => apply(pair[0], pair, 'a')),
    inParallel(pairs(subject), (pair) => apply(pair[1], pair, 'b')),
  ]);
}

/** What became of them. Throws if the apiservers do not come to serve the same. */
export async function outcomes(cells: Cells, subject: Subject): Promise<PairResult[]> {
  const serve = async (api: KubeApi): Promise<Map<string, KubeObject>> => new Map((await api.list(subject.path)).items.map((item) => [item.metadata.name, item]));
  let objects = new Map<string, KubeObject>();
  await until('both apiservers serve the same', 60, async () => {
    const [a, b] = await Promise.all([serve(cells.a.api), serve(cells.b.api)]);
    objects = a;
    return comparable(a) === comparable(b);
  });
  return pairs(subject).map(([first, second]) => {
    const object = objects.get(nameOf(first, second));
    const [one, two] = [subject.edits[first]!.seen(object, 'a'), subject.edits[second]!.seen(object, 'b')];
    return { first, second, object, outcome: one && two ? 'both' : one ? 'first' : two ? 'second' : 'none' };
  });
}

/** All but the resource version, which is the replica's own. */
export function comparable(objects: ReadonlyMap<string, KubeObject>): string {
  return JSON.stringify([...objects].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, { metadata, ...rest }]) => [name, { ...metadata, resourceVersion: '' }, rest]));
}

export async function createNamespace(api: KubeApi, name: string): Promise<void> {
  await api.create('/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name } }).catch((error: unknown) => {
    if (!(error instanceof KubeError && error.status === 409)) throw error;
  });
}

/** A few at a time. */
export async function inParallel<T>(items: readonly T[], work: (item: T) => Promise<unknown>): Promise<void> {
  const queue = [...items];
  await Promise.all(Array.from({ length: 8 }, async () => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) await work(item);
  }));
}
