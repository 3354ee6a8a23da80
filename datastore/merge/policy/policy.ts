/** The table of policies, compiled: rules by path as a tree, kinds by name. */
import { createHash } from 'node:crypto';
import type { DecodedObject } from '../codec/types.ts';
import { isCustom } from '../schema/schema.ts';
import type { FieldRule, KindPolicy, Policy } from './types.ts';

/** What is known of one place of an object. */
export interface Place {
  readonly rule: FieldRule | undefined;
  readonly children: ReadonlyMap<string, Place>;
}
interface Building {
  rule: FieldRule | undefined;
  readonly children: Map<string, Building>;
}

/** Any element of a list, any key of a map. */
export const ELEMENT = '[]';
const ANY_KEY = '*';

export const placeBelow = (place: Place | undefined, name: string): Place | undefined => place?.children.get(name) ?? place?.children.get(ANY_KEY);

/** A kind with all that applies to it. */
export interface CompiledKind extends KindPolicy {
  readonly root: Place;
}

function insert(root: Building, path: string, rule: FieldRule): void {
  let place = root;
  for (const name of path.replaceAll(ELEMENT, `.${ELEMENT}`).split('.')) {
    let below = place.children.get(name);
    if (below === undefined) place.children.set(name, (below = { rule: undefined, children: new Map() }));
    place = below;
  }
  place.rule = rule;
}

/** `Pod`, `apps/Deployment`: group and kind, without the version. */
export const kindName = ({ group, kind }: Pick<DecodedObject, 'group' | 'kind'>): string => (group === '' ? kind : `${group}/${kind}`);

const custom = ({ schema }: Pick<DecodedObject, 'schema'>): boolean => schema.kind !== 'struct' || isCustom(schema);

export class Policies {
  /** Of the whole table. Replicas with different ones compute different bytes. */
  readonly hash: string;
  readonly #kinds = new Map<string, CompiledKind>();
  /** For kinds that no row names. */
  readonly #unnamed: CompiledKind;

  constructor(policy: Policy) {
    this.hash = createHash('sha256').update(JSON.stringify(policy)).digest('hex').slice(0, 16);
    const compiled = (kind: KindPolicy): CompiledKind => {
      const root: Building = { rule: undefined, children: new Map() };
      for (const [path, rule] of Object.entries({ ...policy.common, ...kind.fields })) insert(root, path, rule);
      return { ...kind, root };
    };
    for (const kind of policy.kinds) {
      const row = compiled(kind);
      for (const name of kind.kinds) this.#kinds.set(name, row);
    }
    this.#unnamed = compiled({ kinds: [], merge: 'whole' });
  }

  /** Whether a kind is not to be looked into when it is written. */
  light(name: string): boolean {
    return this.#kinds.get(name)?.light === true;
  }

  /** What applies to a kind: its own row, or that of all others; if there is none either, it merges whole. */
  of(object: Pick<DecodedObject, 'group' | 'kind' | 'schema'>): CompiledKind {
    return this.#kinds.get(kindName(object)) ?? this.#kinds.get(custom(object) ? 'custom' : 'builtin') ?? this.#unnamed;
  }
}
