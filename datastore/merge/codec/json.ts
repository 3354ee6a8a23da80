/**
 * JSON → tree and back. apiserver writes the kinds of Kubernetes with their fields in the order of the Go structs, and custom resources with all names sorted; both end
 * with a line feed. Strings are escaped as Go's encoding/json does.
 */
import { builtin, customResource, isCustom } from '../schema/schema.ts';
import type { Schema } from '../schema/types.ts';
import { bool, bytes, entrySchema, list, NULL, number, string, textAt, type Fields, type Leaf, type Tree } from '../tree.ts';
import { JsonReader } from './json-reader.ts';
import { groupOf } from './group.ts';
import type { DecodedObject } from './types.ts';
import { Malformed } from './errors.ts';
import { compareUtf8, fromUtf8 } from './utf8.ts';

/** The object in `value`. Throws Malformed. */
export function decodeJson(value: Uint8Array): DecodedObject {
  const text = fromUtf8(value);
  if (text === undefined) throw new Malformed('not UTF-8');
  const { apiVersion, kind } = typeMeta(text);
  const schema = builtin().struct(apiVersion, kind) ?? customResource();
  const reader = new JsonReader(text);
  const tree = readObject(reader, schema);
  const entries = new Map(tree.entries);
  entries.delete('apiVersion');
  entries.delete('kind');
  const tail = text.slice(reader.position);
  if (tail.trim() !== '') throw new Malformed('more than one value');
  return {
    format: 'json', apiVersion, kind, schema, envelope: { tail: Buffer.from(tail) },
    group: groupOf(apiVersion), uid: textAt(tree, 'metadata', 'uid'), tree: { kind: 'fields', entries },
  };
}

function typeMeta(text: string): { readonly apiVersion: string; readonly kind: string } {
  const reader = new JsonReader(text);
  const found = new Map<string, string>();
  reader.object((key) => {
    const isText = reader.peek() === '"';
    if (isText && (key === 'apiVersion' || key === 'kind')) found.set(key, reader.string());
    else reader.skip();
  });
  const [apiVersion, kind] = [found.get('apiVersion'), found.get('kind')];
  if (!apiVersion || !kind) throw new Malformed('no apiVersion or no kind');
  return { apiVersion, kind };
}

function read(reader: JsonReader, schema: Schema): Tree {
  if (schema.kind === 'scalar' && (schema.type === 'raw' || schema.type === 'opaque')) {
    const text = reader.skip();
    return text === 'null' ? NULL : bytes(Buffer.from(text));
  }
  switch (reader.peek()) {
    case '{': return readObject(reader, schema);
    case '[': return readList(reader, schema.kind === 'list' ? schema.items : ANY);
    case '"': return readText(reader.string(), schema);
    case 't': return reader.word('true'), bool(true);
    case 'f': return reader.word('false'), bool(false);
    case 'n': return reader.word('null'), NULL;
    default: return number(reader.number());
  }
}

/** The value that stands there in a text, and nothing else. Throws Malformed. */
export function readJson(text: string, from: number, to: number, schema: Schema): Tree {
  const reader = new JsonReader(text, from);
  const tree = read(reader, schema);
  if (reader.position !== to) throw new Malformed(`not one value at ${from}`);
  return tree;
}

const ANY: Schema = { kind: 'any' };

function readObject(reader: JsonReader, schema: Schema): Fields {
  const entries = new Map<string, Tree>();
  reader.object((key) => void entries.set(key, read(reader, entrySchema(schema, key))));
  return { kind: 'fields', entries };
}

function readList(reader: JsonReader, items: Schema): Tree {
  const read_: Tree[] = [];
  reader.array(() => void read_.push(read(reader, items)));
  return list(read_);
}

/** Base64 that would not be written back as it stands stays text. */
function readText(text: string, schema: Schema): Leaf {
  if (schema.kind !== 'scalar' || schema.type !== 'bytes') return string(text);
  const content = Buffer.from(text, 'base64');
  return content.toString('base64') === text ? bytes(content) : string(text);
}

/** The bytes of an object in JSON. */
export function encodeJson(object: DecodedObject): Uint8Array {
  const custom = object.schema.kind === 'any' || isCustom(object.schema);
  const head: [string, Tree][] = [['kind', string(object.kind)], ['apiVersion', string(object.apiVersion)]];
  const out: string[] = [];
  // Go's TypeMeta stands first, kind before apiVersion.
  const entries = custom ? new Map([...head, ...object.tree.entries]) : object.tree.entries;
  writeObject(out, object.schema, entries, custom, custom ? [] : head);
  return Buffer.concat([Buffer.from(out.join('')), object.envelope.tail]);
}

function write(out: string[], schema: Schema, tree: Tree, sorted: boolean): void {
  switch (tree.kind) {
    case 'null': return void out.push('null');
    case 'bool': return void out.push(tree.value ? 'true' : 'false');
    case 'number': return void out.push(tree.text);
    case 'string': return void out.push(quote(tree.value));
    case 'bytes': return void out.push(writeBytes(schema, Buffer.from(tree.value)));
    case 'fields': return writeObject(out, schema, tree.entries, sorted, []);
    case 'list': {
      const items = schema.kind === 'list' ? schema.items : ANY;
      out.push('[');
      tree.items.forEach((item, i) => {
        if (i > 0) out.push(',');
        write(out, items, item, sorted);
      });
      out.push(']');
    }
  }
}

function writeBytes(schema: Schema, content: Buffer): string {
  const verbatim = schema.kind === 'scalar' && (schema.type === 'raw' || schema.type === 'opaque');
  return verbatim ? content.toString() : `"${content.toString('base64')}"`;
}

function writeObject(out: string[], schema: Schema, entries: ReadonlyMap<string, Tree>, sorted: boolean, head: readonly (readonly [string, Tree])[]): void {
  let separator = '{';
  const entry = (name: string, tree: Tree): void => {
    out.push(separator, quote(name), ':');
    separator = ',';
    write(out, entrySchema(schema, name), tree, sorted);
  };
  const struct = schema.kind === 'struct' && !sorted ? schema : undefined;
  // A struct with a TypeMeta of its own, inside of another (volumeClaimTemplates): there, too, it stands first.
  const first = struct === undefined ? head : [...head, ...TYPE_META.filter((name) => entries.has(name) && !struct.fields.has(name)).map((name) => [name, entries.get(name)!] as const)];
  for (const [name, tree] of first) entry(name, tree);
  let written = first.length - head.length;
  for (const name of struct?.fields.keys() ?? []) {
    const tree = entries.get(name);
    if (tree === undefined) continue;
    entry(name, tree);
    written++;
  }
  if (written < entries.size) {
    const done = new Set(first.map(([name]) => name));
    const rest = [...entries.keys()].filter((name) => !struct?.fields.has(name) && !done.has(name)).sort(compareUtf8);
    for (const name of rest) entry(name, entries.get(name)!);
  }
  out.push(separator === '{' ? '{}' : '}');
}

const TYPE_META = ['kind', 'apiVersion'];
const ESCAPED = /[<>&\u2028\u2029]/g;

/** Go's encoding/json with HTML escaping, which is its default. */
function quote(text: string): string {
  return JSON.stringify(text).replace(ESCAPED, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
