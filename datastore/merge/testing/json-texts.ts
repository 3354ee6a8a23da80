/** Pairs of custom resources in JSON by chance: as apiserver writes them, and as nobody should. The same in every run. */
type Draw = (below: number) => number;
type Value = string | readonly Value[] | ReadonlyMap<string, Value>;

const NAMES = ['a', 'b', 'name', 'uid', 'type', 'status', 'x/y', 'x~y', 'é', '\u{1d11e}', '￿', '', '{rest}', 'conditions', '__proto__'];
/** Texts of scalars. Some are the same value in other words, some only look so. */
const SCALARS = ['1', '1.0', '1e3', '-0', '0', '12345678901234567890', 'true', 'false', 'null', '""', '"a"', '"\\u0061"', '"\\u003c"', '"<"', '"é"', '"\\ud834\\udd1e"', '"\u{1d11e}"', '"\\ud834"', '"\\"},{"', '"\\\\"', '"YWJj"', '"1"', '"long text of more than twenty-four bytes"'];
const BROKEN = ['01', '1.', '-', '+1', 'tru', 'nulll', '"\\x"', '"\\u12"', '"a', '"\t"', '{', '}', '[1,]', '{"a":}', '{"a":1,}', '{a:1}', '[1 2]', '', ' ', '1 ', '{ }', '{"b":1,"a":2}', '{"a":1,"a":2}', '{"a":1,"\\u0061":2}', '"\x7f"', '{]', '[}', '\xff', '"\xff"', '"\xc3"'];

const one = <T>(draw: Draw, values: readonly T[]): T => values[draw(values.length)]!;

function value(draw: Draw, depth: number): Value {
  if (depth === 0 || draw(3) === 0) return one(draw, SCALARS);
  return draw(4) === 0 ? Array.from({ length: draw(4) }, () => value(draw, depth - 1)) : object(draw, depth - 1);
}

const object = (draw: Draw, depth: number): Value => new Map(Array.from({ length: draw(5) }, () => [one(draw, NAMES), value(draw, depth)] as const));

const keyed = (draw: Draw, names: readonly string[]): Value =>
  Array.from({ length: draw(4) }, () => new Map<string, Value>([...names.filter(() => draw(8) > 0).map((name) => [name, one(draw, ['"A"', '"B"', '"C"', '""'])] as const), ['time', one(draw, SCALARS)]]));

/** A custom resource with metadata and a status as Kubernetes knows them. */
function resource(draw: Draw): ReadonlyMap<string, Value> {
  const metadata = new Map<string, Value>([
    ['name', '"n"'], ['uid', '"u"'], ['annotations', new Map(['a', 'b', 'x/y'].filter(() => draw(2) === 0).map((name) => [name, one(draw, SCALARS.filter((text) => text.startsWith('"')))] as const))],
    ['generation', one(draw, ['1', '2', '3'])], ['finalizers', ['"a"', '"b"', '"c"'].filter(() => draw(2) === 0)],
    ['ownerReferences', keyed(draw, ['uid', 'kind'])], ['managedFields', keyed(draw, ['apiVersion', 'manager', 'operation', 'subresource']).valueOf() as Value],
  ]);
  for (const name of metadata.keys()) if (name !== 'uid' && draw(4) === 0) metadata.delete(name);
  const status = new Map<string, Value>([['conditions', keyed(draw, ['type'])], ['a', value(draw, 1)], ['{rest}', value(draw, 1)], ['b', value(draw, 2)]]);
  for (const name of status.keys()) if (draw(4) === 0 || name.startsWith('{')) if (draw(8) > 0 || name !== '{rest}') status.delete(name);
  return new Map<string, Value>([['apiVersion', '"a.test/v1"'], ['kind', '"T"'], ['metadata', metadata], ['spec', value(draw, 4)], ['status', status]].slice(0, 3 + draw(3)) as [string, Value][]);
}

function changed(from: Value, draw: Draw): Value | undefined {
  if (draw(7) === 0) return draw(3) === 0 ? undefined : value(draw, 2);
  if (typeof from === 'string') return one(draw, SCALARS);
  if (Array.isArray(from)) {
    const items = [...(from as readonly Value[])];
    const at = draw(items.length + 1);
    if (at === items.length) return draw(2) === 0 ? items.toReversed() : [...items, value(draw, 1)];
    const item = changed(items[at]!, draw);
    items.splice(at, 1, ...(item === undefined ? [] : [item]));
    return items;
  }
  const entries = new Map(from as ReadonlyMap<string, Value>);
  const names = [...entries.keys()].filter((name) => name !== 'uid' || draw(40) === 0);
  const name = names.length === 0 || draw(6) === 0 ? one(draw, NAMES) : one(draw, names);
  const now = entries.has(name) ? changed(entries.get(name)!, draw) : value(draw, 2);
  if (now === undefined) entries.delete(name);
  else entries.set(name, now);
  return entries;
}

function changedResource(from: ReadonlyMap<string, Value>, draw: Draw): ReadonlyMap<string, Value> {
  const entries = new Map(from);
  for (let n = draw(4); n > 0; n--) {
    const name = one(draw, ['metadata', 'metadata', 'spec', 'status']);
    const now = entries.has(name) ? changed(entries.get(name)!, draw) : undefined;
    if (now !== undefined) entries.set(name, now);
  }
  return entries;
}

const bytesOf = (name: string): Buffer => Buffer.from(name);

function text(of: Value): string {
  if (typeof of === 'string') return of;
  if (Array.isArray(of)) return `[${(of as readonly Value[]).map(text).join(',')}]`;
  const entries = [...(of as ReadonlyMap<string, Value>)].sort(([a], [b]) => Buffer.compare(bytesOf(a), bytesOf(b)));
  return `{${entries.map(([name, content]) => `${JSON.stringify(name)}:${text(content)}`).join(',')}}`;
}

/** As apiserver would write them, but for escapes. */
export function* texts(draw: Draw, rounds: number): Generator<readonly [from: Uint8Array, to: Uint8Array]> {
  for (let round = 0; round < rounds; round++) {
    const from = resource(draw);
    yield [Buffer.from(`${text(from)}\n`), Buffer.from(`${text(changedResource(from, draw))}\n`)];
  }
}

/** The same, broken: something else in the place of a token, cut off, nested deeply, bytes by chance; in one of both, or in both at the same place. */
export function* hostile(draw: Draw, rounds: number): Generator<readonly [from: Uint8Array, to: Uint8Array]> {
  for (const [from, to] of texts(draw, rounds)) {
    const breaking = breaks(draw);
    const both = draw(3);
    yield [both !== 1 ? breaking(from) : from, both !== 0 ? breaking(to) : to];
  }
}

function breaks(draw: Draw): (text: Uint8Array) => Uint8Array {
  const [way, where, what] = [draw(7), draw(1 << 16), draw(1 << 16)];
  return (bytes) => {
    const at = where % bytes.length;
    const latin1 = Buffer.from(bytes).toString('latin1');
    const replaced = (length: number, by: string): Buffer => Buffer.from(`${latin1.slice(0, at)}${by}${latin1.slice(at + length)}`, 'latin1');
    switch (way) {
      case 0: return Buffer.from(bytes.subarray(0, at));
      case 1: return replaced(1, String.fromCharCode(what % 256));
      case 2: return replaced(0, one(() => what % BROKEN.length, BROKEN));
      case 3: return Buffer.from(latin1.replace(/:(true|false|null|-?[0-9.e]+|"[a-zA-Z]*")/, `:${BROKEN[what % BROKEN.length]!}`), 'latin1');
      case 4: {
        const depth = 118 + (what % 16);
        return Buffer.from(latin1.replace('"spec":', `"spec":${'['.repeat(depth)}${']'.repeat(depth)},"spec2":`), 'latin1');
      }
      case 5: {
        const depth = 60 + (what % 6);
        return Buffer.from(latin1.replace('"spec":', `"spec":${'{"a":['.repeat(depth)}${what % 2}${']}'.repeat(depth)},"spec2":`), 'latin1');
      }
      default: return replaced(0, [' ', '\n', '\t', ',', ':', '"', '{"a":1}', '\\'][what % 8]!);
    }
  };
}
