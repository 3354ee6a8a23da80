/** v3lock, as etcd's server/etcdserver/api/v3lock on client/v3/concurrency's Mutex. Holds within one replica only. */
import { errSessionExpired } from '../../errors.ts';
import { firstKv, firstRequest, getRequest, ownKey, putRequest, relayed, session, waitForTurn, whileCreatedAt } from '../concurrency/queue.ts';
import { type ServiceContext, headerOf } from '../context.ts';
import { LockRequest, LockResponse, UnlockRequest, UnlockResponse } from '../generated/v3lockpb/v3lock.ts';
import type { Call, Method } from '../transport/types.ts';
import { unary } from './rpc.ts';

const service = 'v3lockpb.Lock';

export function lockService(context: ServiceContext): Method[] {
  const unlock = (key: string) => context.kv.deleteRange({ range: { start: key }, prevKv: false });
  return [
    unary(service, 'Lock', LockRequest, LockResponse, relayed((request, call) => lock(context, request, call, unlock))),
    unary(service, 'Unlock', UnlockRequest, UnlockResponse, relayed(async ({ key }) => {
      const { revision } = await unlock(key.toString('latin1'));
      return UnlockResponse.fromPartial({ header: headerOf(context, revision) });
    })),
  ];
}

async function lock(context: ServiceContext, request: LockRequest, call: Call, unlock: (key: string) => Promise<unknown>): Promise<LockResponse> {
  const { kv } = context;
  const prefix = `${request.name.toString('latin1')}/`;
  const lease = await session(context, request.lease);
  const key = ownKey(prefix, lease);
  const owner = { type: 'range', request: firstRequest(prefix) } as const;
  const { succeeded, revision, responses } = await kv.txn({
    compare: whileCreatedAt(key, 0),
    success: [{ type: 'put', request: putRequest(key, Buffer.alloc(0), lease) }, owner],
    failure: [{ type: 'range', request: getRequest(key) }, owner],
  });
  const answer = (headerRevision: number) => LockResponse.fromPartial({ header: headerOf(context, headerRevision), key: Buffer.from(key, 'latin1') });
  const created = succeeded ? revision : (firstKv(responses[0])?.createRevision ?? revision);
  const holder = firstKv(responses[1]);
  if (holder === undefined || holder.createRevision === created) return answer(revision);
  try {
    if ((await waitForTurn(context, call, prefix, created)) === 'over') {
      await unlock(key);
      return answer(revision);
    }
  } catch (error) {
    await unlock(key);
    throw error;
  }
  const own = kv.range(getRequest(key));
  if (own.kvs.length === 0) throw errSessionExpired();
  return answer(own.revision);
}
