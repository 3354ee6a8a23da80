/**
 * What a disk that was set aside holds beyond what the cluster knows: writes that were acknowledged there and seen by nobody else. Once nobody can
 * hold more of that disk's log (REPLICATION.md, 12 and 13) they are offered: keys that they created and that nobody has are made, everything else goes
 * into the conflict log for a person to see (`edgestore conflicts`). A marker in the folder says that it has been done.
 */
import { join } from 'node:path';
import { asides, mark } from './aside.ts';
import type { Disk, Host } from './host/host.ts';
import { silent } from './host/log.ts';
import type { Logger } from './host/log.ts';
import { openJournal } from './journal/journal.ts';
import { limits } from './limits.ts';
import { valueOf } from './keyspace/version.ts';
import { isRemoved } from './membership/configuration.ts';
import { logName, slotOf, Space } from './replica/types.ts';
import type { LogId, Record, RecordWrite, Write } from './replica/types.ts';
import { Machine } from './store/machine.ts';
import type { Store } from './store/store.ts';

const MARKER = 'offered';

/** A write that nobody but the disk that was set aside has. */
interface Unseen {
  readonly key: string;
  /** null: it was deleted. */
  readonly value: Uint8Array | null;
  readonly lease: bigint;
  readonly created: boolean;
  /** Of the last such write. */
  readonly lamport: number;
}

/** Which write of a disk set aside was made again. */
export interface MadeAgain {
  readonly key: string;
  readonly value: Uint8Array;
  readonly log: LogId;
  readonly lamport: number;
}

/** Folders that were set aside and not offered yet. */
async function waiting(disk: Disk, dataDir: string): Promise<string[]> {
  const folders: string[] = [];
  for (const folder of await asides(disk, dataDir)) if (!(await disk.exists(join(folder, MARKER)))) folders.push(folder);
  return folders;
}

/**
 * Where has the cluster agreed that the log ends? Of a log that nobody has heard of, at nothing, once every member has said so.
 * @returns its highest Lamport counter; null: not yet agreed; Infinity: it may have been retired so long ago that it is forgotten where
 */
export function endOf(store: Pick<Store, 'replica' | 'membership'>, log: LogId): number | null {
  const { replica, membership } = store;
  const retired = replica.retired.get(log);
  if (retired !== undefined) return retired.lamport;
  if (replica.logs.has(log) || isRemoved(membership.configuration, log)) return null;
  if (replica.retired.size >= limits.retired_logs) return Infinity;
  for (const { id, log: theirs, standing } of membership.configuration.members) {
    if (id === membership.self || standing !== 'voting') continue;
    const report = theirs === null ? undefined : replica.reportOf(theirs);
    if (report === undefined || report.config < membership.number || (report.held.get(log)?.clock ?? 0) > 0) return null;
  }
  return 0;
}

/** Offers what stands aside; looks again until it has all been done. Rejects with the disk's errors. @param making is told of each write that is about to be made again */
export async function offerAside(
  host: Host, dataDir: string, store: Store, log: Logger, ended: () => boolean, making: (write: MadeAgain) => void = () => {},
): Promise<void> {
  for (const folder of await waiting(host.disk, dataDir)) {
    const machine = new Machine({ clock: host.clock, merging: store.merging });
    const journal = await openJournal(host, folder, machine, { log: silent, makeSnapshot: () => Promise.reject(new Error('not of a folder that stands aside')), onFatal: () => {} });
    try {
      const own = machine.replica.initialised ? [...machine.replica.logs.keys()].filter((one) => slotOf(one) === machine.replica.slot) : [];
      for (const one of own) {
        let end = endOf(store, one);
        while (end === null && !ended()) {
          await new Promise<void>((resolve) => host.clock.after(limits.membership_look_ms, resolve));
          end = endOf(store, one);
        }
        if (end === null) return;
        if (end === Infinity) log.error('it is no longer known what of a disk set aside the cluster has: nothing of it is offered', { folder, log: logName(one) });
        await offer(store, unseen(machine, one, end), one, log, making);
      }
    } finally {
      machine.close();
      await journal.close();
    }
    await mark(host.disk, folder, MARKER);
  }
}

/**
 * The last write of each key among those that nobody else has. What another replica's write had beaten on that disk is not to be made again: that
 * write, and what became of it since, the cluster knows.
 */
function unseen(machine: Machine, log: LogId, end: number): Unseen[] {
  const last = new Map<string, { readonly record: Record; readonly write: RecordWrite }>();
  for (const segment of machine.replica.logs.get(log)?.segments.values() ?? []) {
    for (const record of segment.records) {
      if (record.log !== log || record.lamport <= end) continue;
      for (const write of record.writes) {
        if (write.space === Space.client && (last.get(write.key)?.record.lamport ?? 0) <= record.lamport) last.set(write.key, { record, write });
      }
    }
  }
  const { keyspace } = machine;
  return [...last].map(([key, { record, write }]) => {
    const now = keyspace.get(key, keyspace.appliedRevision);
    const current = now !== null && now.record.log === log && now.record.lamport === record.lamport;
    // With strides a revision says the Lamport counter.
    const created = current && now.createRevision > (end + 1) * limits.slots * 2 - 1;
    return { key, value: write.valueLength < 0 ? null : valueOf(record, write), lease: write.lease, created, lamport: record.lamport };
  });
}

async function offer(store: Store, writes: readonly Unseen[], from: LogId, log: Logger, making: (write: MadeAgain) => void): Promise<void> {
  const { keyspace, replica } = store;
  const name = logName(from);
  let made = 0;
  for (const { key, value, lease, created, lamport } of writes) {
    const taken = keyspace.get(key, keyspace.appliedRevision) !== null;
    if (!created || taken || value === null || (lease !== 0n && !store.leases.exists(lease))) {
      log.warn('a write that only a disk set aside had is not repeated', { log: name, key, what: value === null ? 'deletion' : created ? 'creation' : 'change', taken });
      store.conflicts.unseen(key, value, { lamport, log: from });
      continue;
    }
    const write: Write = { space: Space.client, key, value: new Uint8Array(value), lease };
    making({ key, value, log: from, lamport });
    await replica.commit([write]).durable;
    made++;
  }
  if (writes.length > 0) log.warn('offered what only a disk set aside had', { log: name, made, of: writes.length });
}
