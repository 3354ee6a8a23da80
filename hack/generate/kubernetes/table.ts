/** Joins what the proto files and the Go types say into the table's text (datastore/merge/schema/parse.ts reads it and describes the format). */
import { readFileSync, readdirSync, existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseAliases, parseGo, type GoField, type GoStruct, type Markers } from './gotypes.ts';
import type { Module } from './modules.ts';
import { parseProto, type ProtoField } from './proto.ts';
import { unions } from './unions.ts';

interface Package {
  /** The proto package: `k8s.io.api.core.v1`. */
  readonly name: string;
  /** The table's: `core/v1`. */
  readonly short: string;
  /** `rbac.authorization.k8s.io/v1`; undefined where there are no kinds. */
  readonly apiVersion: string | undefined;
  readonly messages: ReadonlyMap<string, readonly ProtoField[]>;
  readonly structs: ReadonlyMap<string, GoStruct>;
  /** Structs that repeat those of another version of the group. */
  readonly aliases: ReadonlyMap<string, readonly [version: string, name: string]>;
}

/** Messages that are one leaf: what datastore/merge/schema/types.ts says of each. */
const leaves: Readonly<Record<string, string>> = {
  'k8s.io.apimachinery.pkg.runtime.RawExtension': 'raw',
  'k8s.io.apimachinery.pkg.api.resource.Quantity': 'quantity',
  'k8s.io.apimachinery.pkg.util.intstr.IntOrString': 'intOrString',
  'k8s.io.apimachinery.pkg.apis.meta.v1.Time': 'time',
  'k8s.io.apimachinery.pkg.apis.meta.v1.MicroTime': 'microTime',
  'k8s.io.apimachinery.pkg.apis.meta.v1.FieldsV1': 'raw',
  'k8s.io.apimachinery.pkg.apis.meta.v1.Duration': 'opaque',
};
/** The same for messages of any package, by their last name: they do not look alike in JSON and in protobuf, and their kinds merge whole. */
const opaque = new Set(['ExtraValue', 'JSONSchemaProps', 'JSON']);

/** Kinds that are only ever requests, answers or views, and versions that no apiserver in use still stores. */
const notStored = /^(apidiscovery|authentication|authorization|imagepolicy|extensions|apps\/v1beta|batch\/v1beta1)|\.(Scale|Eviction|Binding|PodStatusResult|ComponentStatus)$/;

/** Whether a file of test data, `apps.v1.Deployment`, is of a kind that may be in the table. */
export function isStored(name: string): boolean {
  const [kind = '', version = '', ...group] = name.split('.').reverse();
  return !notStored.test(`${group.reverse()[0]}/${version}.${kind}`) && !/^(admission\.k8s\.io\.|core\.v1\.(.*Options|API.*|Status|WatchEvent|SerializedReference)$)/.test(name);
}

export function table(modules: readonly Module[]): string[] {
  const packages = modules.flatMap((module) => protoFiles(module.dir).map((file) => readPackage(module, file))).filter((found) => found !== undefined);
  return new Table(packages).lines();
}

function protoFiles(dir: string): string[] {
  return readdirSync(dir, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('generated.proto') && !file.includes('testapigroup')).sort().map((file) => join(dir, file));
}

function readPackage(module: Module, file: string): Package | undefined {
  const dir = dirname(file);
  const messages = parseProto(readFileSync(file, 'utf8'));
  const name = [...messages.keys()][0]?.replace(/\.\w+$/, '');
  if (name === undefined) return undefined;
  const structs = new Map<string, GoStruct>();
  const aliases = new Map<string, readonly [string, string]>();
  for (const source of readdirSync(dir).filter((entry) => entry.endsWith('.go') && !/generated|_test\.go$/.test(entry))) {
    const text = readFileSync(join(dir, source), 'utf8');
    for (const [struct, fields] of parseGo(text)) structs.set(struct, fields);
    for (const [alias, of] of parseAliases(text)) aliases.set(alias, of);
  }
  const register = join(dir, 'register.go');
  const group = existsSync(register) ? /^const GroupName = "([^"]*)"$/m.exec(readFileSync(register, 'utf8'))?.[1] : undefined;
  const version = name.slice(name.lastIndexOf('.') + 1);
  const apiVersion = group === undefined || module.path === 'k8s.io/apimachinery' ? undefined : group === '' ? version : `${group}/${version}`;
  return { name, short: name.split('.').slice(-2).join('/'), apiVersion, messages, structs, aliases };
}

class Table {
  private readonly packages: readonly Package[];
  private readonly byMessage = new Map<string, { readonly pkg: Package; readonly name: string }>();
  private readonly done = new Map<string, string[]>();

  constructor(packages: readonly Package[]) {
    this.packages = packages;
    for (const pkg of packages) for (const message of pkg.messages.keys()) this.byMessage.set(message, { pkg, name: message.slice(pkg.name.length + 1) });
  }

  /** All stored kinds and what they consist of. */
  lines(): string[] {
    const kinds: string[] = [];
    for (const pkg of this.packages) {
      if (pkg.apiVersion === undefined) continue;
      const names = [...pkg.structs].filter(([, struct]) => isKind(struct)).map(([name]) => name).filter((name) => pkg.messages.has(`${pkg.name}.${name}`) && !notStored.test(`${pkg.short}.${name}`));
      for (const name of names) {
        kinds.push(`kind ${pkg.apiVersion} ${name} ${pkg.short}.${name}`);
        this.add(`${pkg.name}.${name}`);
      }
    }
    return [...kinds.sort(), ...[...this.done].sort(([a], [b]) => (a < b ? -1 : 1)).flatMap(([, lines]) => lines)];
  }

  /** The struct of a message, as the table names it. */
  private add(message: string): string {
    const { pkg, name } = this.find(message);
    const short = `${pkg.short}.${name}`;
    if (this.done.has(short)) return short;
    const lines: string[] = [];
    this.done.set(short, lines);
    const struct = this.struct(pkg, name);
    lines.push(`${short}${struct.markers.get('structType')?.includes('atomic') ? ' atomic' : ''}`, ...this.fields(message, []));
    return short;
  }

  /** The lines of a struct's fields, those of embedded structs in their place. */
  private fields(message: string, inline: readonly number[]): string[] {
    const { pkg, name } = this.find(message);
    const struct = this.struct(pkg, name);
    const protos = new Map(pkg.messages.get(message)!.map((field) => [field.number, field]));
    const lines: string[] = [];
    for (const go of struct.fields) {
      const tag = go.tags.get('protobuf');
      if (tag === undefined || tag === '-') continue; // TypeMeta: beside the object
      const number = Number(tag.split(',')[1]);
      const proto = protos.get(number);
      if (proto === undefined) throw new Error(`${message}: no protobuf field ${number}`);
      protos.delete(number);
      const [json = '', ...options] = (go.tags.get('json') ?? '').split(',');
      if (options.includes('inline') || (go.name === undefined && json === '')) {
        if (go.type.startsWith('*')) throw new Error(`${message}: an embedded pointer, ${go.type}`);
        lines.push(...this.fields(proto.type, [...inline, number]));
        continue;
      }
      const group = unionOf(name, struct, go, json);
      lines.push([
        ` ${json} ${number} ${this.type(proto, go)}`,
        ...(inline.length > 0 ? [`@${inline.join('.')}`] : []),
        ...(group === undefined ? [] : [`|${[...inline, group].join('.')}`]),
        ...(always(proto, go) ? ['!'] : []),
        ...(options.includes('omitempty') || options.includes('omitzero') ? ['?'] : []),
      ].join(' '));
    }
    if (protos.size > 0) throw new Error(`${message}: protobuf fields that Go does not have: ${[...protos.values()].map((field) => field.name).join(', ')}`);
    return lines;
  }

  private type(proto: ProtoField, go: GoField): string {
    const base = proto.type.includes('.') ? this.messageType(proto.type) : proto.type;
    const marker = (name: string): string | undefined => go.markers.get(name)?.at(-1);
    if (proto.label === 'map') return `${marker('mapType') === 'atomic' ? '!' : ''}{}${base}`;
    if (proto.label === 'repeated') return `[${listKeys(go)}]${base}`;
    return `${marker('structType') === 'atomic' ? '!' : ''}${base}`;
  }

  private messageType(message: string): string {
    const leaf = leaves[message] ?? (opaque.has(message.slice(message.lastIndexOf('.') + 1)) ? 'opaque' : undefined);
    return leaf ?? this.add(message);
  }

  private struct(pkg: Package, name: string): GoStruct {
    const direct = pkg.structs.get(name);
    if (direct !== undefined) return direct;
    const [version, other] = pkg.aliases.get(name) ?? [];
    const found = this.packages.find((candidate) => candidate.short === `${pkg.short.split('/')[0]}/${version}`)?.structs.get(other ?? '');
    if (found === undefined) throw new Error(`${pkg.short}.${name} is no struct in types.go`);
    return found;
  }

  private find(message: string): { readonly pkg: Package; readonly name: string } {
    const found = this.byMessage.get(message);
    if (found === undefined) throw new Error(`no message ${message}`);
    return found;
  }
}

function isKind(struct: GoStruct): boolean {
  const types = struct.fields.map((field) => field.type);
  return types.some((type) => type.endsWith('TypeMeta')) && types.some((type) => type.endsWith('ObjectMeta'));
}

/** Inside the brackets of a list: nothing for atomic, `=` for a set, else the keys. The newer markers go before the older tags. */
function listKeys(go: GoField): string {
  const type = go.markers.get('listType')?.at(-1);
  const key = go.tags.get('patchMergeKey');
  if (type === 'atomic') return '';
  if (type === 'set') return '=';
  if (type === 'map') return (go.markers.get('listMapKey') ?? (key === undefined ? [] : [key])).join(',');
  if (!(go.tags.get('patchStrategy') ?? '').split(',').includes('merge')) return '';
  return key ?? '=';
}

/** apiserver's protobuf always writes what Go has no pointer for. */
function always(proto: ProtoField, go: GoField): boolean {
  if (proto.label === 'repeated' || proto.label === 'map' || proto.type === 'bytes') return false;
  return !go.type.startsWith('*');
}

/** The name of the union that a field belongs to, within its struct. */
function unionOf(name: string, struct: GoStruct, go: GoField, json: string): string | undefined {
  const byHand = unions[name];
  if (byHand?.includes('*') || byHand?.includes(json)) return name[0]!.toLowerCase() + name.slice(1);
  const has = (markers: Markers, ...names: string[]): string | undefined => names.find((marker) => markers.has(marker));
  for (const marker of ['oneOf', 'zeroOrOneOf']) if (go.markers.has(marker)) return go.markers.get(marker)!.at(-1)!;
  if (has(go.markers, 'k8s:unionMember', 'k8s:unionDiscriminator', 'unionDiscriminator') !== undefined) return 'union';
  return struct.markers.has('union') ? 'union' : undefined;
}
