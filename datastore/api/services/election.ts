/** v3election, as etcd's server/etcdserver/api/v3election on client/v3/concurrency's Election. Holds within one replica only. */
import { errElectionNoLeader, errElectionNotLeader, errMissingLeaderKey } from '../../errors.ts';
import type { KeyValue } from '../../keyspace/types.ts';
import { firstKv, firstRequest, getRequest, ownKey, putRequest, relayed, session, under, waitForTurn, watchUntil, whileCreatedAt } from '../concurrency/queue.ts';
import { type ServiceContext, headerOf } from '../context.ts';
import {
  CampaignRequest,
  CampaignResponse,
  LeaderRequest,
  LeaderResponse,
  ProclaimRequest,
  ProclaimResponse,
  ResignRequest,
  ResignResponse,
} from '../generated/v3electionpb/v3election.ts';
import type { LeaderKey } from '../generated/v3electionpb/v3election.ts';
import type { Call, Method, StreamCall } from '../transport/types.ts';
import { saturate } from './kv.ts';
import { encodeFrame, serverStream, unary } from './rpc.ts';

const service = 'v3electionpb.Election';
const prefixOf = (name: Buffer) => `${name.toString('latin1')}/`;

export function electionService(context: ServiceContext): Method[] {
  return [
    unary(service, 'Campaign', CampaignRequest, CampaignResponse, relayed((request, call) => campaign(context, request, call))),
    unary(service, 'Proclaim', ProclaimRequest, ProclaimResponse, relayed(async ({ leader, value }) => {
      if (leader === undefined) throw errMissingLeaderKey();
      await session(context, leader.lease);
      const revision = await proclaim(context, leader.key.toString('latin1'), saturate(leader.rev), leader.lease, value);
      return ProclaimResponse.fromPartial({ header: headerOf(context, revision) });
    })),
    unary(service, 'Leader', LeaderRequest, LeaderResponse, ({ name }) => {
      const { revision, kvs } = context.kv.range(firstRequest(prefixOf(name)));
      if (kvs[0] === undefined) throw errElectionNoLeader();
      return LeaderResponse.fromPartial({ header: headerOf(context, revision), kv: message(kvs[0]) });
    }),
    serverStream(service, 'Observe', LeaderRequest, ({ name }, call) => void observe(context, prefixOf(name), call).catch((error: unknown) => call.end(error))),
    unary(service, 'Resign', ResignRequest, ResignResponse, relayed(async ({ leader }) => {
      if (leader === undefined) throw errMissingLeaderKey();
      return ResignResponse.fromPartial({ header: headerOf(context, await resign(context, leader)) });
    })),
  ];
}

async function campaign(context: ServiceContext, { name, lease: given, value }: CampaignRequest, call: Call): Promise<CampaignResponse> {
  const prefix = prefixOf(name);
  const lease = await session(context, given);
  const key = ownKey(prefix, lease);
  const { succeeded, revision, responses } = await context.kv.txn({
    compare: whileCreatedAt(key, 0),
    success: [{ type: 'put', request: putRequest(key, value, lease) }],
    failure: [{ type: 'range', request: getRequest(key) }],
  });
  const own = succeeded ? undefined : firstKv(responses[0]);
  const created = own?.createRevision ?? revision;
  const leader = { name, key: Buffer.from(key, 'latin1'), rev: BigInt(created), lease };
  if (own !== undefined && !value.equals(own.value)) {
    try {
      await proclaim(context, key, created, lease, value);
    } catch (error) {
      await resign(context, leader);
      throw error;
    }
  }
  if ((await waitForTurn(context, call, prefix, created)) === 'over') await resign(context, leader);
  return CampaignResponse.fromPartial({ header: headerOf(context, revision), leader });
}

/** Returns the revision; rejects if the key is another's by now. */
async function proclaim({ kv }: ServiceContext, key: string, created: number, lease: bigint, value: Buffer): Promise<number> {
  const { succeeded, revision } = await kv.txn({
    compare: whileCreatedAt(key, created),
    success: [{ type: 'put', request: putRequest(key, value, lease) }],
    failure: [],
  });
  if (!succeeded) throw errElectionNotLeader();
  return revision;
}

async function resign({ kv }: ServiceContext, { key, rev }: Pick<LeaderKey, 'key' | 'rev'>): Promise<number> {
  const name = key.toString('latin1');
  const { revision } = await kv.txn({
    compare: whileCreatedAt(name, saturate(rev)),
    success: [{ type: 'delete', request: { range: { start: name }, prevKv: false } }],
    failure: [],
  });
  return revision;
}

/** Sends each leader's value and every change of it, leader after leader. */
async function observe(context: ServiceContext, prefix: string, call: StreamCall): Promise<void> {
  const send = (revision: number, kv: KeyValue) =>
    call.send(encodeFrame(LeaderResponse, LeaderResponse.fromPartial({ header: headerOf(context, revision), kv: message(kv) })));
  while (!call.over) {
    const first = context.kv.range(firstRequest(prefix));
    let leader = first.kvs[0];
    let seen = first.revision;
    if (leader === undefined) {
      await watchUntil(context, call, under(prefix), first.revision, (change) => {
        if (change.type === 'delete') return false;
        leader = change.kv;
        seen = change.revision;
        return true;
      });
      if (leader === undefined) return;
    }
    send(seen, leader);
    await watchUntil(context, call, { start: leader.key }, seen + 1, ({ type, kv, revision }) => {
      if (type === 'delete') return true;
      send(revision, kv);
      return false;
    });
  }
}

function message(kv: KeyValue) {
  return {
    key: Buffer.from(kv.key, 'latin1'),
    create_revision: kv.createRevision,
    mod_revision: kv.modRevision,
    version: kv.version,
    lease: kv.lease,
    value: Buffer.from(kv.value.buffer, kv.value.byteOffset, kv.value.length),
  };
}
