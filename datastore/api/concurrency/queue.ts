/**
 * What locks and elections have in common (etcd: client/v3/concurrency): whoever waits owns a key under a prefix, attached to its
 * lease, and the oldest key's owner has the turn. It holds within one replica only: replicas grant independently (README).
 */
import { Code, EtcdError, errCompacted, errStopped, errUnavailable } from '../../errors.ts';
import type { Change, KeyRange, KeyValue } from '../../keyspace/types.ts';
import type { RangeRequest, RangeResult, TxnRequest } from '../../txn/types.ts';
import type { WatchMessage, WatchStream } from '../../watch/types.ts';
import type { Replica } from '../context.ts';
import type { Call } from '../transport/types.ts';

/** etcd: defaultSessionTTL. */
const sessionTtl = 60;

/** Keys under `prefix`, which ends in '/'. */
export const under = (prefix: string): KeyRange => ({ start: prefix, end: `${prefix.slice(0, -1)}0` });

const everything: RangeRequest = {
  range: { start: '\0' },
  limit: 0,
  revision: 0,
  sortOrder: 0,
  sortTarget: 0,
  serializable: false,
  keysOnly: false,
  countOnly: false,
  minModRevision: 0,
  maxModRevision: 0,
  minCreateRevision: 0,
  maxCreateRevision: 0,
};
const byCreation = 2;

export const getRequest = (key: string): RangeRequest => ({ ...everything, range: { start: key } });
/** The oldest key under a prefix. */
export const firstRequest = (prefix: string): RangeRequest => ({ ...everything, range: under(prefix), limit: 1, sortTarget: byCreation, sortOrder: 1 });
const lastRequest = (prefix: string, maxCreateRevision: number): RangeRequest => ({ ...firstRequest(prefix), sortOrder: 2, maxCreateRevision });

export const whileCreatedAt = (key: string, revision: number): TxnRequest['compare'] => [
  { range: { start: key }, result: 'equal', target: 'create', number: revision, lease: 0n, value: Buffer.alloc(0) },
];
export const putRequest = (key: string, value: Uint8Array, lease: bigint) => ({ key, value, lease, prevKv: false, ignoreValue: false, ignoreLease: false });

/** The lease to wait with: the given one, renewed once, or a new one. */
export async function session({ leases }: Replica, lease: bigint): Promise<bigint> {
  if (lease === 0n) return (await leases.grant(0n, sessionTtl)).id;
  await leases.keepAlive(lease);
  return lease;
}

/**
 * etcd serves locks and elections as a client of itself, and the errors that the client gets lose their gRPC code on the way, not their
 * text. What says "try elsewhere" keeps it here.
 */
export const relayed =
  <Q, A>(handle: (request: Q, call: Call) => A | Promise<A>) =>
  async (request: Q, call: Call): Promise<A> => {
    try {
      return await handle(request, call);
    } catch (error) {
      if (error instanceof EtcdError && error.code !== Code.UNAVAILABLE) throw new EtcdError(Code.UNKNOWN, error.message);
      throw error;
    }
  };

/** The key that stands for a lease in a queue. */
export const ownKey = (prefix: string, lease: bigint) => `${prefix}${lease.toString(16)}`;

/** The first key value of an answer, which must be a range's. */
export function firstKv(result: { readonly type: string } | undefined): KeyValue | undefined {
  return result?.type === 'range' ? (result as RangeResult).kvs[0] : undefined;
}

/**
 * Watches `range` from `startRevision` (0: from now) until `onChange` returns true or the call is over.
 * Resolves with what stopped it; rejects if the watch cannot go on.
 */
export function watchUntil(replica: Replica, call: Call, range: KeyRange, startRevision: number, onChange: (change: Change) => boolean): Promise<'found' | 'over'> {
  return new Promise((resolve, reject) => {
    let done = false;
    let stream: WatchStream | undefined = undefined;
    const finish = (settle: () => void) => {
      if (done) return;
      done = true;
      stream?.close();
      settle();
    };
    const receive = (message: WatchMessage) => {
      if (message.type === 'refused') finish(() => reject(errUnavailable(message.reason)));
      else if (message.type === 'canceled') finish(() => reject(errCompacted()));
      else if (message.type === 'events' && !done && message.changes.some(onChange)) finish(() => resolve('found'));
    };
    // A hub that is closing ends the stream while it opens it.
    stream = replica.watch.open({ send: receive, bufferedBytes: 0, onDrain: () => {}, end: () => finish(() => reject(errStopped())) });
    call.onOver(() => finish(() => resolve('over')));
    if (done) stream.close();
    else stream.create({ range, startRevision, progressNotify: false, noPut: false, noDelete: false, prevKv: false, watchId: 0n, fragment: false });
  });
}

/** Waits until no key under `prefix` is older than `revision`. */
export async function waitForTurn(replica: Replica, call: Call, prefix: string, revision: number): Promise<'found' | 'over'> {
  for (;;) {
    const answer = replica.kv.range(lastRequest(prefix, revision - 1));
    const before = answer.kvs[0];
    if (before === undefined) return 'found';
    const found = await watchUntil(replica, call, { start: before.key }, answer.revision, ({ type }) => type === 'delete');
    if (found === 'over') return 'over';
  }
}
