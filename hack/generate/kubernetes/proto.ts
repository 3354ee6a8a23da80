/** Reads `generated.proto`: which messages there are, and the number and type of each field. The files are written by go-to-protobuf, one field a line. */

export interface ProtoField {
  readonly name: string;
  readonly number: number;
  readonly label: 'optional' | 'required' | 'repeated' | 'map';
  /** A scalar, or the full name of a message without its leading dot; of a map, of its values. */
  readonly type: string;
}

const scalars = new Set(['string', 'bool', 'bytes', 'int32', 'int64', 'double']);

/** Full message name → fields by number. Throws at a line that is not understood. */
export function parseProto(text: string): Map<string, ProtoField[]> {
  const messages = new Map<string, ProtoField[]>();
  let pkg = '';
  let fields: ProtoField[] | undefined;
  for (const line of text.split('\n').map((raw) => raw.trim())) {
    if (line === '' || line.startsWith('//')) continue;
    const head = /^package ([\w.]+);$/.exec(line);
    const message = /^message (\w+) \{$/.exec(line);
    if (head) pkg = head[1]!;
    else if (message) messages.set(`${pkg}.${message[1]}`, (fields = []));
    else if (line === '}') fields = undefined;
    else if (fields) fields.push(parseField(line, pkg));
  }
  return messages;
}

function parseField(line: string, pkg: string): ProtoField {
  const map = /^map<string, ([\w.]+)> (\w+) = (\d+);/.exec(line);
  const plain = /^(optional|required|repeated) ([\w.]+) (\w+) = (\d+);/.exec(line);
  const full = (type: string): string => (scalars.has(type) ? type : type.startsWith('.') ? type.slice(1) : `${pkg}.${type}`);
  if (map) return { name: map[2]!, number: Number(map[3]), label: 'map', type: full(map[1]!) };
  if (plain) return { name: plain[3]!, number: Number(plain[4]), label: plain[1] as 'optional', type: full(plain[2]!) };
  throw new Error(`generated.proto: not understood: ${line}`);
}
