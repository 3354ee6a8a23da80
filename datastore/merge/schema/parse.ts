/**
 * Reads the generated table (generated/kubernetes.ts). It is text, parsed when it is first asked for a kind, so that who never sees a conflict pays nothing. One thing a line:
 *
 *     kind apps/v1 Deployment apps/v1.Deployment     apiVersion, kind, its struct
 *     core/v1.PodSpec                                a struct; ` atomic` after its name: it changes as one
 *      volumes 1 [name]core/v1.Volume ?              its fields: JSON name, protobuf number, type, flags
 *
 * Types: a scalar (types.ts), a struct, `{}T` a map, `[]T` a list that is one leaf, `[=]T` a set, `[a,b]T` a list whose elements are told apart by a and b;
 * `!` before it: it changes as one. Flags: `@2` in the embedded message 2, `|x` in the oneOf group x, `!` always written in protobuf, `?` left out of JSON when empty.
 */
import type { Field, ListType, MapType, Scalar, ScalarType, Schema, StructType } from './types.ts';

export interface Kinds {
  /** The struct of a kind; undefined for what the table does not have. `apiVersion` is `v1` or `apps/v1`. */
  struct(apiVersion: string, kind: string): StructType | undefined;
  /** All apiVersions and kinds, in the table's order. */
  all(): readonly (readonly [apiVersion: string, kind: string])[];
}

const scalars: Readonly<Record<string, ScalarType>> = Object.fromEntries(
  (['string', 'bool', 'int32', 'int64', 'double', 'bytes', 'intOrString', 'quantity', 'time', 'microTime', 'raw', 'opaque'] satisfies Scalar[])
    .map((type) => [type, { kind: 'scalar', type }]),
);

/** Throws at a table that is not as described above: a mistake of whoever made it. */
export function parseTable(source: string): Kinds {
  const kinds = new Map<string, string>();
  const bodies = new Map<string, string[]>();
  let body: string[] = [];
  for (const line of source.split('\n')) {
    if (line === '') continue;
    if (line.startsWith('kind ')) {
      const [, apiVersion, kind, struct] = line.split(' ');
      kinds.set(`${apiVersion} ${kind}`, struct!);
    } else if (line.startsWith(' ')) body.push(line.slice(1));
    else bodies.set(line.replace(/ atomic$/, ''), (body = [line]));
  }
  const structs = new Map<string, StructType>();
  const structOf = (name: string): StructType => {
    const known = structs.get(name);
    if (known !== undefined) return known;
    const [head, ...lines] = bodies.get(name) ?? [];
    if (head === undefined) throw new Error(`the table of kinds has no struct '${name}'`);
    const fields = new Map<string, Field>();
    const struct: StructType = { kind: 'struct', name, fields, atomic: head.endsWith(' atomic') };
    structs.set(name, struct); // before its fields: a struct may contain itself
    for (const line of lines) {
      const field = parseField(line, structOf);
      fields.set(field.name, field);
    }
    return struct;
  };
  return {
    struct(apiVersion, kind) {
      const name = kinds.get(`${apiVersion} ${kind}`);
      return name === undefined ? undefined : structOf(name);
    },
    all: () => [...kinds.keys()].map((key) => key.split(' ') as [string, string]),
  };
}

function parseField(line: string, structOf: (name: string) => StructType): Field {
  const [name, number, type, ...flags] = line.split(' ');
  const flag = (start: string): string | undefined => flags.find((candidate) => candidate.startsWith(start))?.slice(1);
  return {
    name: name!,
    number: Number(number),
    type: parseType(type!, structOf),
    inline: flag('@')?.split('.').map(Number) ?? [],
    oneOf: flag('|'),
    always: flags.includes('!'),
    omitEmpty: flags.includes('?'),
  };
}

function parseType(text: string, structOf: (name: string) => StructType): Schema {
  if (text.startsWith('!')) {
    const type = parseType(text.slice(1), structOf);
    return type.kind === 'struct' ? { ...type, atomic: true } : type.kind === 'map' ? ({ ...type, atomic: true } satisfies MapType) : type;
  }
  if (text.startsWith('{}')) return { kind: 'map', values: parseType(text.slice(2), structOf), atomic: false };
  const list = /^\[([^\]]*)\](.+)$/.exec(text);
  if (list === null) return scalars[text] ?? structOf(text);
  const items = parseType(list[2]!, structOf);
  const keys = list[1]!;
  const kind: ListType['list'] = keys === '' ? 'atomic' : keys === '=' ? 'set' : 'map';
  return { kind: 'list', items, list: kind, keys: kind === 'map' ? keys.split(',') : [] };
}
