import type { MergeRule } from '../merge/decision.ts';
import type { Record, RecordWrite, Stamp } from '../replica/types.ts';
import type { Key, Space } from '../replica/types.ts';
import { Space as Spaces } from '../replica/types.ts';
import { valueOf } from './version.ts';

/** By which rule it was decided between two writes of which neither author had seen the other's: see merge/decision.ts. */
export type Rule = MergeRule;

/** Two writes to a key of which neither author had seen the other's. */
export interface Conflict {
  readonly key: Key;
  readonly space: Space;
  /** Of the object, if it is one of Kubernetes'; otherwise `opaque`, or `system` for the cluster's own state. */
  readonly kind: string;
  readonly rule: Rule;
  /** The field that was lost; '' for all of the value. */
  readonly path: string;
  readonly winner: Stamp;
  readonly loser: Stamp;
  /** What was lost: what the loser wrote (null: it deleted), or its field as text. A view: do not keep it. */
  readonly value: Uint8Array | null;
}

export type ConflictListener = (conflict: Conflict) => void;

const stampOf = ({ lamport, log }: Stamp): Stamp => ({ lamport, log });

/** The higher stamp has won, as a whole. */
export function lastWriter(winner: Record, loser: Record, beaten: RecordWrite): Conflict {
  return {
    key: beaten.key,
    space: beaten.space,
    kind: beaten.space === Spaces.system ? 'system' : 'opaque',
    rule: 'last-writer',
    path: '',
    winner: stampOf(winner),
    loser: stampOf(loser),
    value: beaten.valueLength < 0 ? null : valueOf(loser, beaten),
  };
}
