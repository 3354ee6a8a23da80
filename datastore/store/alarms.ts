/**
 * Alarms as etcd's (etcdserver/api/v3alarm): raised for a member, known to all, and raised until somebody disarms them.
 * One system key each, `alarm/<member id, hex>/<type>`, so that two replicas can raise and disarm different ones at once.
 */
import { Space } from '../replica/types.ts';
import type { CommitSystem, SystemSpacePort } from './system.ts';

export type AlarmType = 'NOSPACE' | 'CORRUPT';
export interface Alarm {
  readonly memberId: bigint;
  readonly type: AlarmType;
}

const PREFIX = 'alarm/';
const keyOf = ({ memberId, type }: Alarm): string => `${PREFIX}${memberId.toString(16)}/${type}`;
const PRESENT = new Uint8Array([1]);

export class Alarms {
  readonly #commit: CommitSystem;
  readonly #raised = new Map<string, Alarm>();

  constructor(space: SystemSpacePort, commit: CommitSystem) {
    this.#commit = commit;
    for (const [key, value] of space.entries()) this.#learn(key, value);
    space.onChange((key, value) => this.#learn(key, value));
  }

  /** Sorted by key, so that every replica lists them alike. */
  list(): readonly Alarm[] {
    return [...this.#raised].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, alarm]) => alarm);
  }

  /** Whether any member has raised it: as in etcd, one member without space stops writes everywhere only if it says so itself. */
  has(alarm: Alarm): boolean {
    return this.#raised.has(keyOf(alarm));
  }

  async activate(alarm: Alarm): Promise<Alarm | null> {
    if (!this.has(alarm)) await this.#commit([{ space: Space.system, key: keyOf(alarm), value: PRESENT, lease: 0n }]);
    return alarm;
  }

  async deactivate(alarm: Alarm): Promise<Alarm | null> {
    if (!this.has(alarm)) return null;
    await this.#commit([{ space: Space.system, key: keyOf(alarm), value: null, lease: 0n }]);
    return alarm;
  }

  #learn(key: string, value: Uint8Array | null): void {
    if (!key.startsWith(PREFIX)) return;
    const [id = '', type] = key.slice(PREFIX.length).split('/');
    if (value === null) this.#raised.delete(key);
    else if (type === 'NOSPACE' || type === 'CORRUPT') this.#raised.set(key, { memberId: BigInt(`0x${id}`), type });
  }
}
