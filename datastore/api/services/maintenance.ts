import { createHash } from 'node:crypto';
import {
  errBadLeaderTransferee,
  errInvalidDowngradeTargetVersion,
  errNoInflightDowngrade,
  errUnimplemented,
  errWrongDowngradeVersionFormat,
} from '../../errors.ts';
import { type ServiceContext, headerOf, raftTerm } from '../context.ts';
import {
  AlarmRequest,
  AlarmRequest_AlarmAction,
  AlarmResponse,
  AlarmType,
  DefragmentRequest,
  DefragmentResponse,
  DowngradeRequest,
  DowngradeRequest_DowngradeAction,
  DowngradeResponse,
  HashKVRequest,
  HashKVResponse,
  HashRequest,
  HashResponse,
  MoveLeaderRequest,
  MoveLeaderResponse,
  SnapshotRequest,
  SnapshotResponse,
  StatusRequest,
  StatusResponse,
} from '../generated/etcdserverpb/rpc.ts';
import type { Method, StreamCall } from '../transport/types.ts';
import type { Alarm, AlarmType as AlarmName } from '../types.ts';
import { saturate } from './kv.ts';
import { encodeFrame, serverStream, unary } from './rpc.ts';

const service = 'etcdserverpb.Maintenance';

export function maintenanceService(context: ServiceContext): Method[] {
  const { maintenance, cluster } = context;
  const header = () => headerOf(context, maintenance.revision());
  return [
    unary(service, 'Alarm', AlarmRequest, AlarmResponse, async (request) =>
      AlarmResponse.fromPartial({ header: header(), alarms: (await alarm(context, request)).map(alarmMessage) }),
    ),
    unary(service, 'Status', StatusRequest, StatusResponse, () => status(context)),
    unary(service, 'Defragment', DefragmentRequest, DefragmentResponse, async () => {
      await maintenance.defragment();
      return DefragmentResponse.fromPartial({});
    }),
    unary(service, 'Hash', HashRequest, HashResponse, async () => {
      const { hash, revision } = await maintenance.hash();
      return HashResponse.fromPartial({ header: headerOf(context, revision), hash });
    }),
    unary(service, 'HashKV', HashKVRequest, HashKVResponse, async ({ revision }) => {
      const { hash, compactRevision, hashRevision } = await maintenance.hashKv(saturate(revision));
      return HashKVResponse.fromPartial({ header: header(), hash, compact_revision: compactRevision, hash_revision: hashRevision });
    }),
    serverStream(service, 'Snapshot', SnapshotRequest, (_request, call) => void snapshot(context, call).catch((error: unknown) => call.end(error))),
    unary(service, 'MoveLeader', MoveLeaderRequest, MoveLeaderResponse, ({ targetID }) => {
      // Each replica is its own leader. That is where leadership is and stays: any other target is a bad one.
      if (targetID !== cluster.memberId) throw errBadLeaderTransferee();
      return MoveLeaderResponse.fromPartial({});
    }),
    unary(service, 'Downgrade', DowngradeRequest, DowngradeResponse, downgrade),
  ];
}

const alarmNames: Readonly<Record<number, AlarmName>> = { [AlarmType.NOSPACE]: 'NOSPACE', [AlarmType.CORRUPT]: 'CORRUPT' };

function alarmMessage({ memberId, type }: Alarm) {
  return { memberID: memberId, alarm: AlarmType[type] };
}

/** As etcd applies an AlarmRequest: type NONE asks for all, and activates or deactivates nothing. */
async function alarm({ maintenance }: ServiceContext, request: AlarmRequest): Promise<readonly Alarm[]> {
  const type = alarmNames[request.alarm];
  if (request.action === AlarmRequest_AlarmAction.GET) return maintenance.alarms().filter((each) => type === undefined || each.type === type);
  if (type === undefined) return [];
  const given: Alarm = { memberId: request.memberID, type };
  const changed = request.action === AlarmRequest_AlarmAction.ACTIVATE ? await maintenance.activate(given) : await maintenance.deactivate(given);
  return changed === null ? [] : [changed];
}

/** Raft's index is the revision: both count what was applied here. The leader is this replica, which takes writes by itself. */
function status(context: ServiceContext): StatusResponse {
  const { maintenance, cluster, versions } = context;
  const { dbSize, dbSizeInUse, dbSizeQuota } = maintenance.status();
  const revision = maintenance.revision();
  return StatusResponse.fromPartial({
    header: headerOf(context, revision),
    version: versions.etcd,
    dbSize,
    dbSizeInUse,
    dbSizeQuota,
    leader: cluster.memberId,
    raftIndex: revision,
    raftAppliedIndex: revision,
    raftTerm,
    storageVersion: versions.cluster,
    downgradeInfo: {},
    errors: maintenance.alarms().map(({ memberId, type }) => `memberID:${memberId} alarm:${type}`),
  });
}

/** Nothing here can be downgraded: etcd's answers to a version it cannot go to. */
function downgrade({ action, version }: DowngradeRequest): DowngradeResponse {
  if (action === DowngradeRequest_DowngradeAction.CANCEL) throw errNoInflightDowngrade();
  if (!/^\d+\.\d+(\.\d+)?$/.test(version)) throw errWrongDowngradeVersionFormat();
  throw errInvalidDowngradeTargetVersion();
}

/** Chunks, then the SHA-256 of them all, as etcd's; the format is EdgeStore's own. */
async function snapshot({ maintenance, versions }: ServiceContext, call: StreamCall): Promise<void> {
  if (maintenance.snapshot === undefined) throw errUnimplemented('Snapshot');
  const { size, chunks } = await maintenance.snapshot();
  const digest = createHash('sha256');
  let remaining = size;
  const send = (blob: Uint8Array) =>
    call.send(encodeFrame(SnapshotResponse, SnapshotResponse.fromPartial({ remaining_bytes: remaining, blob: Buffer.from(blob.buffer, blob.byteOffset, blob.length), version: versions.cluster })));
  for await (const chunk of chunks) {
    if (call.over) return;
    remaining -= chunk.length;
    digest.update(chunk);
    send(chunk);
    await new Promise<void>((resolve) => call.onDrain(resolve));
  }
  send(digest.digest());
  call.end();
}
