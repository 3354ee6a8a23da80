/** Two messages of one struct as trees, without the fields that are the same bytes in both (pair.ts). */
import { placeBelow } from '../policy/policy.ts';
import type { Place } from '../policy/policy.ts';
import type { StructType } from '../schema/types.ts';
import { standsAlone } from '../shape.ts';
import type { Fields, Tree } from '../tree.ts';
import { planOf } from './plan.ts';
import { readStruct } from './protobuf.ts';
import { WireReader } from './wire.ts';

/** Throws Malformed. */
export function messages(a: Uint8Array, b: Uint8Array, schema: StructType, place: Place | undefined): [Fields, Fields] {
  const all = (): [Fields, Fields] => [readStruct(a, schema), readStruct(b, schema)];
  if (schema.atomic || !standsAlone(schema, place)) return all();
  const plan = planOf(schema);
  const [old, now] = [runs(a), runs(b)];
  if (old === null || now === null) return all();
  const first = new Map<string, Tree>();
  const second = new Map<string, Tree>();
  for (let i = 0, j = 0; i < old.length || j < now.length; ) {
    const [x, y] = [old[i], now[j]];
    if (x !== undefined && (y === undefined || x.number < y.number)) {
      i++;
      into(first, readStruct(x.of(a), schema));
    } else if (x === undefined || x.number > y!.number) {
      j++;
      into(second, readStruct(y!.of(b), schema));
    } else {
      i++;
      j++;
      const [xs, ys] = [x.of(a), y!.of(b)];
      if (xs.length === ys.length && Buffer.compare(xs, ys) === 0) continue;
      const field = plan.fields.get(x.number);
      if (field?.type.kind === 'struct' && x.count === 1 && y!.count === 1) {
        const [s, t] = messages(contentOf(xs), contentOf(ys), field.type, placeBelow(place, field.name));
        first.set(field.name, s);
        second.set(field.name, t);
      } else {
        into(first, readStruct(xs, schema));
        into(second, readStruct(ys, schema));
      }
    }
  }
  return [{ kind: 'fields', entries: first }, { kind: 'fields', entries: second }];
}

function into(entries: Map<string, Tree>, { entries: more }: Fields): void {
  for (const [name, tree] of more) entries.set(name, tree);
}

/** All of one message's occurrences of one field, which stand together. */
class Run {
  readonly number: number;
  readonly start: number;
  end: number;
  count = 1;

  constructor(number: number, start: number, end: number) {
    this.number = number;
    this.start = start;
    this.end = end;
  }

  of(message: Uint8Array): Uint8Array {
    return message.subarray(this.start, this.end);
  }
}

/** The fields of a message; null unless they stand in the order of their numbers, as everybody writes them. */
function runs(message: Uint8Array): Run[] | null {
  const found: Run[] = [];
  const reader = new WireReader(message);
  let last: Run | undefined;
  let from = 0;
  while (reader.next()) {
    reader.pass();
    if (last !== undefined && reader.number < last.number) return null;
    if (last?.number === reader.number) {
      last.end = reader.at;
      last.count++;
    } else found.push((last = new Run(reader.number, from, reader.at)));
    from = reader.at;
  }
  return found;
}

/** The content of the one field that these bytes are. */
function contentOf(field: Uint8Array): Uint8Array {
  const reader = new WireReader(field);
  reader.next();
  return reader.bytes();
}
