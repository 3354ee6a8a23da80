/**
 * Reads Go's `types.go`: the JSON names, what is embedded, what is a pointer, and the markers in the comments. The files are gofmt'ed; a struct's field is one line.
 */

export interface GoField {
  /** Undefined for an embedded field. */
  readonly name: string | undefined;
  /** As written: `*int32`, `[]Container`, `metav1.ObjectMeta`. */
  readonly type: string;
  readonly tags: ReadonlyMap<string, string>;
  readonly markers: Markers;
}

export interface GoStruct {
  readonly fields: readonly GoField[];
  readonly markers: Markers;
}

/** `type MatchCondition v1.MatchCondition`: name → version and name of the struct that it repeats. */
export function parseAliases(text: string): Map<string, readonly [version: string, name: string]> {
  return new Map([...text.matchAll(/^type (\w+) =? ?(v\w+)\.(\w+)$/gm)].map((match) => [match[1]!, [match[2]!, match[3]!]]));
}

/** Marker → its values, for example `listType` → [`map`]. */
export type Markers = ReadonlyMap<string, readonly string[]>;

/** Struct name → its fields in the order in which they stand. What is no field of the usual form is passed over: table.ts misses it if protobuf has it. */
export function parseGo(text: string): Map<string, GoStruct> {
  const structs = new Map<string, GoStruct>();
  let comment: string[] = [];
  let fields: GoField[] | undefined;
  for (const raw of text.replaceAll(/\/\*[^]*?\*\//g, '').split('\n')) {
    const line = raw.trim();
    if (line.startsWith('//')) {
      comment.push(line);
      continue;
    }
    const open = /^type (\w+) struct ?\{\}?$/.exec(line);
    const field = fields && /^(?:(\w+)\s+)?(\*?(?:\[\]|map\[[\w.]+\])*\*?[\w.]+)\s+`(.*)`/.exec(line);
    if (open) {
      structs.set(open[1]!, { fields: (fields = []), markers: markers(comment) });
      if (line.endsWith('}')) fields = undefined;
    } else if (line === '}') fields = undefined;
    else if (field) fields!.push({ name: field[1], type: field[2]!, tags: tags(field[3]!), markers: markers(comment) });
    // Markers may stand above a type's comment with a blank line between: they belong to it nevertheless.
    if (line !== '') comment = [];
  }
  return structs;
}

function tags(text: string): Map<string, string> {
  return new Map([...text.matchAll(/(\w+):"([^"]*)"/g)].map((match) => [match[1]!, match[2]!]));
}

function markers(comment: readonly string[]): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const line of comment) {
    const match = /^\/\/\s*\+([\w:]+)(?:\([^)]*\))?(?:=(.*))?$/.exec(line);
    if (match) found.set(match[1]!, [...(found.get(match[1]!) ?? []), (match[2] ?? '').trim()]);
  }
  return found;
}
