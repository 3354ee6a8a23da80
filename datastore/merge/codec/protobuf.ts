/**
 * Protobuf → tree and back. A value is `k8s\0` and a runtime.Unknown: typeMeta (1), raw (2), contentEncoding (3), contentType (4); raw is the object's
 * message. gogo-protobuf writes fields in the order of their numbers and maps sorted by key; so does this.
 */
import { builtin } from '../schema/schema.ts';
import type { Field, ScalarType, Schema, StructType } from '../schema/types.ts';
import { bool, bytes, entrySchema, isUnknownKey, number, string, textAt, unknownKey, type Fields, type Leaf, type Tree } from '../tree.ts';
import { Malformed } from './errors.ts';
import { groupOf } from './group.ts';
import { readMessage, writeMessage } from './leaves.ts';
import { planOf, type Plan } from './plan.ts';
import type { DecodedObject } from './types.ts';
import { compareUtf8, fromUtf8 } from './utf8.ts';
import { BYTES, FIXED64, VARINT, WireReader, WireWriter } from './wire.ts';

const NOTHING = new Uint8Array();
export const MAGIC = Uint8Array.from([0x6b, 0x38, 0x73, 0x00]);

/** The object in `value`, which starts with MAGIC. Throws Malformed, for kinds that the table does not have too. */
export function decodeProtobuf(value: Uint8Array): DecodedObject {
  const { typeMeta, raw, tail } = readUnknown(value.subarray(MAGIC.length));
  const schema = builtin().struct(typeMeta.apiVersion, typeMeta.kind);
  if (schema === undefined) throw new Malformed(`no schema of ${typeMeta.apiVersion} ${typeMeta.kind}`);
  const tree = readStruct(raw, schema);
  return {
    format: 'protobuf', ...typeMeta, schema, tree, envelope: { tail },
    group: groupOf(typeMeta.apiVersion), uid: textAt(tree, 'metadata', 'uid'),
  };
}

/** What stands around an object. */
export interface Unknown {
  readonly typeMeta: TypeMeta;
  readonly raw: Uint8Array;
  readonly tail: Uint8Array;
}

interface TypeMeta {
  readonly apiVersion: string;
  readonly kind: string;
}

/** Throws Malformed. */
export function readUnknown(content: Uint8Array): Unknown {
  let typeMeta: TypeMeta | undefined;
  let raw: Uint8Array | undefined;
  const tail: Uint8Array[] = [];
  const reader = new WireReader(content);
  while (reader.next()) {
    if (reader.number === 1 && typeMeta === undefined) typeMeta = readTypeMeta(reader.bytes());
    else if (reader.number === 2 && raw === undefined) raw = reader.bytes();
    else if (reader.number <= 2) throw new Malformed('twice');
    else {
      const whole = reader.whole();
      // Another encoding or content type is another language. Both are written, empty.
      if (reader.number <= 4 && (reader.wireType !== BYTES || whole.length !== 2)) throw new Malformed('not protobuf inside');
      tail.push(whole);
    }
  }
  if (typeMeta === undefined) throw new Malformed('no typeMeta');
  return { typeMeta, raw: raw ?? new Uint8Array(), tail: tail.length === 0 ? NOTHING : Buffer.concat(tail) };
}

function readTypeMeta(content: Uint8Array): TypeMeta {
  const found = ['', '', ''];
  const reader = new WireReader(content);
  while (reader.next()) {
    if (reader.number > 2) throw new Malformed('typeMeta');
    found[reader.number] = text(reader.bytes());
  }
  return { apiVersion: found[1]!, kind: found[2]! };
}

function text(content: Uint8Array): string {
  const decoded = fromUtf8(content);
  if (decoded === undefined) throw new Malformed('not UTF-8');
  return decoded;
}

/** Whether a value begins as apiserver begins protobuf. */
export const isProtobuf = (value: Uint8Array): boolean => MAGIC.every((byte, i) => value[i] === byte);

/** Any of a struct's fields. Throws Malformed. */
export function readStruct(content: Uint8Array, schema: StructType): Fields {
  const entries = new Map<string, Tree>();
  readLevel(content, planOf(schema), entries);
  return { kind: 'fields', entries };
}

function readLevel(content: Uint8Array, plan: Plan, entries: Map<string, Tree>): void {
  const seen = new Set<number>();
  const reader = new WireReader(content);
  while (reader.next()) {
    const { number: field_ } = reader;
    const field = plan.fields.get(field_);
    if (field !== undefined) readField(reader, field, entries);
    else if (plan.embedded.has(field_)) {
      if (seen.has(field_)) throw new Malformed(`field ${field_} twice`);
      seen.add(field_);
      readLevel(reader.bytes(), plan.embedded.get(field_)!, entries);
    } else {
      const key = unknownKey(field_, plan.inline);
      const before = entries.get(key);
      const whole = reader.whole();
      entries.set(key, bytes(before?.kind === 'bytes' ? Buffer.concat([before.value, whole]) : whole));
    }
  }
}

function readField(reader: WireReader, field: Field, entries: Map<string, Tree>): void {
  const { name, type } = field;
  const before = entries.get(name);
  if (type.kind === 'list') {
    const items = before?.kind === 'list' ? (before.items as Tree[]) : [];
    if (before === undefined) entries.set(name, { kind: 'list', items });
    if (type.items.kind === 'scalar' && isInteger(type.items)) for (const item of reader.integers()) items.push(number(item));
    else items.push(readValue(reader, type.items));
  } else if (type.kind === 'map') {
    const map = before?.kind === 'fields' ? (before.entries as Map<string, Tree>) : new Map<string, Tree>();
    if (before === undefined) entries.set(name, { kind: 'fields', entries: map });
    readEntry(reader.bytes(), type.values, map);
  } else {
    // Protobuf would take the last, or join messages; nobody writes that.
    if (before !== undefined) throw new Malformed(`${name} twice`);
    entries.set(name, readValue(reader, type));
  }
}

function readEntry(content: Uint8Array, values: Schema, map: Map<string, Tree>): void {
  let key = '';
  let value: Tree | undefined;
  const reader = new WireReader(content);
  while (reader.next()) {
    if (reader.number === 1) key = text(reader.bytes());
    else if (reader.number === 2) value = readValue(reader, values);
    else throw new Malformed('a map entry of more than key and value');
  }
  map.set(key, value ?? zero(values));
}

function zero(schema: Schema): Tree {
  if (schema.kind === 'struct') return readStruct(new Uint8Array(), schema);
  if (schema.kind !== 'scalar') throw new Malformed('a map of lists');
  return schema.type === 'string' ? string('') : schema.type === 'bytes' ? bytes(new Uint8Array()) : readMessage(schema.type, new Uint8Array());
}

function isInteger(type: ScalarType): boolean {
  return type.type === 'int32' || type.type === 'int64';
}

function readValue(reader: WireReader, schema: Schema): Tree {
  if (schema.kind === 'struct') return readStruct(reader.bytes(), schema);
  if (schema.kind !== 'scalar') throw new Malformed('a list of lists');
  switch (schema.type) {
    case 'string': {
      const content = reader.bytes();
      const decoded = fromUtf8(content);
      return decoded === undefined ? bytes(content) : string(decoded);
    }
    case 'bytes': return bytes(reader.bytes());
    case 'bool': return bool(reader.integer() !== '0');
    case 'int32':
    case 'int64': return number(reader.integer());
    case 'double': return number(doubleText(reader.double()));
    default: return readMessage(schema.type, reader.bytes());
  }
}

const doubleText = (value: number): string => (Object.is(value, -0) ? '-0' : String(value));

/** The bytes of an object in protobuf. */
export function encodeProtobuf(object: DecodedObject): Uint8Array {
  const out = new WireWriter();
  out.raw(object.envelope.tail);
  const raw = out.length;
  if (object.schema.kind === 'struct') writeLevel(out, planOf(object.schema), object.schema, object.tree.entries);
  out.close(2, raw);
  const typeMeta = out.length;
  writeText(out, 2, object.kind);
  writeText(out, 1, object.apiVersion);
  out.close(1, typeMeta);
  out.raw(MAGIC);
  return out.finish();
}

function writeText(out: WireWriter, field: number, value: string): void {
  const from = out.length;
  out.text(value);
  out.close(field, from);
}

function writeLevel(out: WireWriter, plan: Plan, schema: StructType, entries: ReadonlyMap<string, Tree>): void {
  const unknown = unknownFields(plan, schema, entries);
  let next = 0;
  for (const number_ of plan.descending) {
    for (; next < unknown.length && unknown[next]!.number > number_; next++) out.raw(unknown[next]!.content);
    const field = plan.fields.get(number_);
    if (field !== undefined) {
      const tree = entries.get(field.name);
      if (tree !== undefined) writeField(out, field, tree);
      continue;
    }
    const from = out.length;
    writeLevel(out, plan.embedded.get(number_)!, schema, entries);
    out.close(number_, from);
  }
  for (; next < unknown.length; next++) out.raw(unknown[next]!.content);
}

/** Of this level, highest number first. */
function unknownFields(plan: Plan, schema: StructType, entries: ReadonlyMap<string, Tree>): { readonly number: number; readonly content: Uint8Array }[] {
  const found: { number: number; content: Uint8Array }[] = [];
  for (const [key, tree] of entries) {
    if (!isUnknownKey(key) || schema.fields.has(key) || tree.kind !== 'bytes') continue;
    const path = key.slice(1).split('.').map(Number);
    const field = path.pop()!;
    if (path.length === plan.inline.length && path.every((part, i) => part === plan.inline[i])) found.push({ number: field, content: tree.value });
  }
  return found.length > 1 ? found.sort((a, b) => b.number - a.number) : found;
}

function writeField(out: WireWriter, field: Field, tree: Tree): void {
  const { type, number: number_ } = field;
  if (type.kind === 'list') {
    if (tree.kind === 'list') for (let i = tree.items.length - 1; i >= 0; i--) writeValue(out, number_, type.items, tree.items[i]!);
  } else if (type.kind === 'map') {
    if (tree.kind !== 'fields') return;
    for (const key of [...tree.entries.keys()].sort(compareUtf8).reverse()) {
      const from = out.length;
      writeValue(out, 2, entrySchema(type, key), tree.entries.get(key)!);
      writeText(out, 1, key);
      out.close(number_, from);
    }
  } else writeValue(out, number_, type, tree);
}

function writeValue(out: WireWriter, number_: number, schema: Schema, tree: Tree): void {
  const from = out.length;
  if (schema.kind === 'struct') {
    if (tree.kind !== 'fields') return;
    writeLevel(out, planOf(schema), schema, tree.entries);
    return out.close(number_, from);
  }
  if (schema.kind !== 'scalar' || tree.kind === 'fields' || tree.kind === 'list') return;
  writeScalar(out, number_, schema, tree);
}

function writeScalar(out: WireWriter, number_: number, schema: ScalarType, leaf: Leaf): void {
  const from = out.length;
  switch (schema.type) {
    case 'bool':
      out.varint(leaf.kind === 'bool' && leaf.value ? 1 : 0);
      return out.tag(number_, VARINT);
    case 'int32':
    case 'int64':
      out.integer(leaf.kind === 'number' ? leaf.text : '0');
      return out.tag(number_, VARINT);
    case 'double':
      out.double(leaf.kind === 'number' ? Number(leaf.text) : 0);
      return out.tag(number_, FIXED64);
    case 'string':
    case 'bytes':
      if (leaf.kind === 'string') out.text(leaf.value);
      else if (leaf.kind === 'bytes') out.raw(leaf.value);
      return out.close(number_, from);
    default:
      writeMessage(out, schema.type, leaf);
      return out.close(number_, from);
  }
}
