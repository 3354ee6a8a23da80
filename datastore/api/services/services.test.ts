import grpc from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { Code } from '../../errors.ts';
import { Harness, type MethodOf, call, deserialize, serialize, until } from '../fake/harness.ts';
import * as pb from '../generated/etcdserverpb/rpc.ts';
import * as reflection from '../generated/grpc/reflection/v1/reflection.ts';
import * as election from '../generated/v3electionpb/v3election.ts';
import * as lock from '../generated/v3lockpb/v3lock.ts';

let h: Harness;
let client: grpc.Client;
beforeEach(async () => {
  h = await Harness.start();
  client = h.client();
});
afterEach(() => h.close());

const method = <Q, A>(path: string, request: MethodOf<Q, A>['request'], response: MethodOf<Q, A>['response']): MethodOf<Q, A> => ({ path, request, response });

describe('Lock', () => {
  const acquire = method('/v3lockpb.Lock/Lock', lock.LockRequest, lock.LockResponse);
  const release = method('/v3lockpb.Lock/Unlock', lock.UnlockRequest, lock.UnlockResponse);
  const take = (lease: bigint) => call(client, acquire, lock.LockRequest.fromPartial({ name: Buffer.from('m'), lease }));

  test('one at a time, in the order of asking', async () => {
    for (const id of [1n, 2n, 3n]) await h.replica.leases.grant(id, 60);
    const first = await take(1n);
    expect(first.key).toEqual(Buffer.from('m/1'));
    expect((await take(1n)).key).toEqual(first.key); // The same lease holds it already.
    const order: bigint[] = [];
    const second = take(2n).then((answer) => (order.push(2n), answer));
    await until(() => h.replica.data.has('m/2'));
    const third = take(3n).then((answer) => (order.push(3n), answer));
    await until(() => h.replica.data.has('m/3'));
    expect(order).toEqual([]);
    await call(client, release, lock.UnlockRequest.fromPartial({ key: first.key }));
    await call(client, release, lock.UnlockRequest.fromPartial({ key: (await second).key }));
    await third;
    expect(order).toEqual([2n, 3n]);
  });

  test('who gives up waiting leaves the queue', async () => {
    await take(0n);
    const waiting = client.makeUnaryRequest(acquire.path, serialize(lock.LockRequest), deserialize(lock.LockResponse), lock.LockRequest.fromPartial({ name: Buffer.from('m') }), () => {});
    await until(() => [...h.replica.data.keys()].filter((key) => key.startsWith('m/')).length === 2 && h.replica.streams.size === 1);
    waiting.cancel();
    await until(() => h.replica.data.size === 1 && h.replica.streams.size === 0);
  });

  test('a lease that does not exist', async () => {
    await expect(take(99n)).rejects.toMatchObject({ code: Code.UNKNOWN, details: 'etcdserver: requested lease not found' });
  });
});

describe('Election', () => {
  const campaign = method('/v3electionpb.Election/Campaign', election.CampaignRequest, election.CampaignResponse);
  const leader = method('/v3electionpb.Election/Leader', election.LeaderRequest, election.LeaderResponse);
  const proclaim = method('/v3electionpb.Election/Proclaim', election.ProclaimRequest, election.ProclaimResponse);
  const resign = method('/v3electionpb.Election/Resign', election.ResignRequest, election.ResignResponse);
  const name = Buffer.from('e');

  test('campaign, observe, proclaim, resign', async () => {
    for (const id of [1n, 2n]) await h.replica.leases.grant(id, 60);
    await expect(call(client, leader, election.LeaderRequest.fromPartial({ name }))).rejects.toMatchObject({ code: Code.UNKNOWN, details: 'election: no leader' });
    const observer = client.makeServerStreamRequest('/v3electionpb.Election/Observe', serialize(election.LeaderRequest), deserialize(election.LeaderResponse), election.LeaderRequest.fromPartial({ name }));
    const seen: string[] = [];
    observer.on('data', (m: election.LeaderResponse) => seen.push(String(m.kv!.value)));
    observer.on('error', () => {});
    await until(() => h.replica.streams.size === 1);
    const run = (lease: bigint, value: string) => call(client, campaign, election.CampaignRequest.fromPartial({ name, lease, value: Buffer.from(value) }));
    const one = await run(1n, 'one');
    expect(one.leader).toMatchObject({ name, key: Buffer.from('e/1'), lease: 1n, rev: one.header!.revision });
    await until(() => seen.length === 1);
    const two = run(2n, 'two');
    await until(() => h.replica.data.has('e/2'));
    expect(String((await call(client, leader, election.LeaderRequest.fromPartial({ name }))).kv!.value)).toBe('one');
    await call(client, proclaim, election.ProclaimRequest.fromPartial({ leader: one.leader!, value: Buffer.from('one again') }));
    await until(() => seen.length === 2);
    await call(client, resign, election.ResignRequest.fromPartial({ leader: one.leader! }));
    await two;
    await until(() => seen.length === 3);
    expect(seen).toEqual(['one', 'one again', 'two']);
    await expect(call(client, proclaim, election.ProclaimRequest.fromPartial({ leader: one.leader!, value: Buffer.from('x') }))).rejects.toMatchObject({ details: 'election: not leader' });
    await expect(call(client, resign, election.ResignRequest.fromPartial({}))).rejects.toMatchObject({ details: '"leader" field must be provided' });
    observer.cancel();
    await until(() => h.replica.streams.size === 0);
  });
});

describe('reflection', () => {
  test.each(['v1', 'v1alpha'])('%s', async (version) => {
    const stream = client.makeBidiStreamRequest(
      `/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`,
      serialize(reflection.ServerReflectionRequest),
      deserialize(reflection.ServerReflectionResponse),
      new grpc.Metadata(),
      {},
    );
    const got: reflection.ServerReflectionResponse[] = [];
    stream.on('data', (m: reflection.ServerReflectionResponse) => got.push(m));
    const ask = (message_request: reflection.ServerReflectionRequest['message_request']) => stream.write(reflection.ServerReflectionRequest.fromPartial({ message_request: message_request! }));
    ask({ $case: 'list_services', value: '' });
    ask({ $case: 'file_containing_symbol', value: 'etcdserverpb.KV' });
    ask({ $case: 'file_containing_symbol', value: 'etcdserverpb.KV.Range' });
    ask({ $case: 'file_by_filename', value: 'mvccpb/kv.proto' });
    ask({ $case: 'file_containing_symbol', value: 'nope.Nope' });
    stream.end();
    await new Promise((resolve) => stream.on('end', resolve));
    const [services, kv, range, file, nope] = got.map(({ message_response }) => message_response!);
    const names = services?.$case === 'list_services_response' ? services.value.service.map((each) => each.name) : [];
    expect(names).toEqual(expect.arrayContaining(['etcdserverpb.KV', 'etcdserverpb.Watch', 'etcdserverpb.Lease', 'etcdserverpb.Cluster', 'etcdserverpb.Maintenance', 'etcdserverpb.Auth', 'v3lockpb.Lock', 'v3electionpb.Election', 'grpc.health.v1.Health', `grpc.reflection.${version}.ServerReflection`]));
    const files = (answer: typeof kv) => (answer!.$case === 'file_descriptor_response' ? answer!.value.file_descriptor_proto.length : 0);
    expect([files(kv), files(range), files(file)]).toEqual([3, 3, 1]);
    expect(nope).toMatchObject({ $case: 'error_response', value: { error_code: Code.NOT_FOUND } });
  });
});

describe('Cluster, Maintenance, Auth', () => {
  test('members', async () => {
    const { members, header } = await call(client, method('/etcdserverpb.Cluster/MemberList', pb.MemberListRequest, pb.MemberListResponse), pb.MemberListRequest.fromPartial({ linearizable: true }));
    expect([members.length, header!.revision]).toEqual([1, 0n]);
    const add = method('/etcdserverpb.Cluster/MemberAdd', pb.MemberAddRequest, pb.MemberAddResponse);
    expect((await call(client, add, pb.MemberAddRequest.fromPartial({ peerURLs: ['http://10.0.0.1:2380'] }))).member).toMatchObject({ ID: 8n });
    for (const peerURLs of [[], ['10.0.0.1:2380'], ['http://10.0.0.1:2380/path']]) {
      await expect(call(client, add, pb.MemberAddRequest.fromPartial({ peerURLs }))).rejects.toMatchObject({ code: Code.INVALID_ARGUMENT, details: 'etcdserver: given member URLs are invalid' });
    }
    await expect(call(client, method('/etcdserverpb.Cluster/MemberRemove', pb.MemberRemoveRequest, pb.MemberRemoveResponse), pb.MemberRemoveRequest.fromPartial({ ID: 99n }))).rejects.toMatchObject({ code: Code.NOT_FOUND });
  });

  test('alarms', async () => {
    const alarm = (request: pb.DeepPartial<pb.AlarmRequest>) => call(client, method('/etcdserverpb.Maintenance/Alarm', pb.AlarmRequest, pb.AlarmResponse), pb.AlarmRequest.fromPartial(request)).then(({ alarms }) => alarms);
    expect(await alarm({})).toEqual([]);
    expect(await alarm({ action: 1, memberID: 7n, alarm: 1 })).toMatchObject([{ memberID: 7n, alarm: 1 }]);
    expect(await alarm({ action: 1, memberID: 7n })).toEqual([]);
    expect(await alarm({})).toHaveLength(1);
    expect(await alarm({ alarm: 2 })).toEqual([]);
    const status = await call(client, method('/etcdserverpb.Maintenance/Status', pb.StatusRequest, pb.StatusResponse), pb.StatusRequest.fromPartial({}));
    expect(status).toMatchObject({ version: '3.7.3', errors: ['memberID:7 alarm:NOSPACE'], leader: 7n, storageVersion: '3.7.0' });
    expect(await alarm({ action: 2, memberID: 7n, alarm: 1 })).toHaveLength(1);
    expect(await alarm({})).toEqual([]);
  });

  test('what has no meaning here answers as etcd would', async () => {
    const move = (targetID: bigint) => call(client, method('/etcdserverpb.Maintenance/MoveLeader', pb.MoveLeaderRequest, pb.MoveLeaderResponse), pb.MoveLeaderRequest.fromPartial({ targetID }));
    await expect(move(9n)).rejects.toMatchObject({ code: Code.FAILED_PRECONDITION, details: 'etcdserver: bad leader transferee' });
    await move(7n);
    const downgrade = (request: pb.DeepPartial<pb.DowngradeRequest>) => call(client, method('/etcdserverpb.Maintenance/Downgrade', pb.DowngradeRequest, pb.DowngradeResponse), pb.DowngradeRequest.fromPartial(request));
    await expect(downgrade({ action: 2 })).rejects.toMatchObject({ details: 'etcdserver: no inflight downgrade job' });
    await expect(downgrade({ action: 1, version: '3.6.0' })).rejects.toMatchObject({ details: 'etcdserver: invalid downgrade target version' });
    const snapshot = client.makeServerStreamRequest('/etcdserverpb.Maintenance/Snapshot', serialize(pb.SnapshotRequest), deserialize(pb.SnapshotResponse), pb.SnapshotRequest.fromPartial({}));
    await expect(new Promise((_resolve, reject) => snapshot.on('error', reject).on('data', () => {}))).rejects.toMatchObject({ code: Code.UNIMPLEMENTED });
  });

  test('a snapshot is chunks and their SHA-256', async () => {
    const chunks = [Buffer.from('abc'), Buffer.from('de')];
    h.replica.maintenance.snapshot = async () => ({ size: 5, chunks: (async function* () { yield* chunks; })() });
    const got: pb.SnapshotResponse[] = [];
    const stream = client.makeServerStreamRequest('/etcdserverpb.Maintenance/Snapshot', serialize(pb.SnapshotRequest), deserialize(pb.SnapshotResponse), pb.SnapshotRequest.fromPartial({}));
    stream.on('data', (m: pb.SnapshotResponse) => got.push(m));
    await new Promise((resolve) => stream.on('end', resolve));
    expect(got.map(({ remaining_bytes, blob }) => [Number(remaining_bytes), blob.length])).toEqual([[2, 3], [0, 2], [0, 32]]);
    expect(got[2]!.blob.toString('hex')).toBe('36bbe50ed96841d10443bcb670d6554f0a34b761be67ec9c4a8ad2c0c44ca42c');
  });

  test('authentication is not enabled', async () => {
    const status = await call(client, method('/etcdserverpb.Auth/AuthStatus', pb.AuthStatusRequest, pb.AuthStatusResponse), pb.AuthStatusRequest.fromPartial({}));
    expect(status).toMatchObject({ enabled: false });
    await expect(call(client, method('/etcdserverpb.Auth/Authenticate', pb.AuthenticateRequest, pb.AuthenticateResponse), pb.AuthenticateRequest.fromPartial({}))).rejects.toMatchObject({ code: Code.FAILED_PRECONDITION });
    await expect(call(client, method('/etcdserverpb.Auth/AuthEnable', pb.AuthEnableRequest, pb.AuthEnableResponse), pb.AuthEnableRequest.fromPartial({}))).rejects.toMatchObject({ code: Code.UNIMPLEMENTED, details: expect.stringContaining('AuthEnable') });
  });
});
