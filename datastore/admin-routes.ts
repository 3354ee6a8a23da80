/**
 * What the operator and `edgestore drain` and `edgestore member` ask over HTTP, on the client port and so protected as that is (TLS, client
 * certificates). JSON. Answered also while the replica does not serve.
 *
 *     GET  /admin/drain                       {state, lacking}
 *     POST /admin/drain[?wait=SECONDS]        begins to drain; answers at once, or when it is over, or when the time is
 *     POST /admin/undrain                     serves again
 *     POST /admin/flush[?wait=SECONDS]        {flushed}: does every other member durably hold all that is here?
 *     POST /admin/leave                       a drained replica removes itself from the membership, for good; refused unless it is drained
 *     GET  /admin/status                      {name, slot, memberId, log, clusterId, version, revision, serving, drain, members, peers: [{name, connected, lagSeconds}]}
 *     GET  /admin/members                     {number, members: [{id, name, slot, log, standing, peerURLs, connected}], removed}
 *     POST /admin/members/evict?id=HEX        its log is removed, its place stays; a majority agrees
 *     POST /admin/members/force-remove?id=HEX[&id=…]   without a majority, whose disks are gone
 *     GET  /admin/conflicts                   {dropped, conflicts: [{time, key, space, kind, rule, path, winner, loser, size, value}]}, the oldest first; value in base64
 */
import { sendJson } from './api/http/types.ts';
import type { HttpHandler, HttpResponse } from './api/http/types.ts';
import type { Draining } from './draining.ts';
import { EtcdError } from './errors.ts';
import type { Clock } from './host/host.ts';
import type { Logger } from './host/log.ts';
import { logName } from './replica/types.ts';
import type { Replication } from './replication.ts';
import type { ServingState } from './serving.ts';
import type { Store } from './store/store.ts';

export interface AdminParts {
  readonly store: Store;
  readonly replication: () => Replication | undefined;
  readonly draining: Draining;
  readonly serving: ServingState;
  readonly version: string;
  readonly clock: Clock;
  readonly log: Logger;
}

const WAIT_MAX_S = 3_600;

function waitMs(url: URL): number {
  const seconds = Number(url.searchParams.get('wait') ?? '0');
  return Number.isFinite(seconds) && seconds > 0 ? Math.min(seconds, WAIT_MAX_S) * 1_000 : 0;
}

/** By method and path. */
export function adminRoutes({ store, replication, draining, serving, version, clock, log }: AdminParts): Map<string, HttpHandler> {
  const state = (): object => ({ state: draining.state, leaving: draining.leaving, lacking: draining.lacking() });
  const members = (): object => {
    const { number, members: all, removed } = store.membership.configuration;
    return {
      number,
      members: all.map(({ id, name, slot, log: writes, standing, peerURLs }) => ({
        id: id.toString(16), name, slot, log: writes === null ? null : logName(writes), standing, peerURLs,
        self: id === store.self.id, connected: id === store.self.id || (replication()?.gossip.connectedLog(id) ?? null) !== null,
      })),
      removed: removed.map((r) => ({ log: logName(r.log), number: r.number, retired: store.replica.retired.has(r.log) })),
    };
  };
  /** All that the operator looks at, at once. `lagSeconds`: age of the oldest own write that the peer has not reported as durable. */
  const status = (): object => ({
    name: store.self.name, slot: store.self.slot, memberId: store.self.id.toString(16), log: logName(store.replica.log), clusterId: store.membership.clusterId, version,
    revision: store.stats.revision,
    serving: serving.why === null, why: serving.why,
    drain: state(),
    configuration: members(),
    peers: (replication()?.peers() ?? []).map(({ name, connected, lagMs, unackedRecords, unackedBytes }) => ({ name, connected, lagSeconds: lagMs / 1_000, unackedOps: unackedRecords, unackedBytes })),
    alarms: [...store.raised, ...(replication()?.alarms() ?? [])],
  });
  const conflicts = (): object => ({
    dropped: store.conflicts.dropped,
    conflicts: store.conflicts.entries.map(({ timeMs, key, value, ...rest }) => ({
      time: timeMs === null ? null : new Date(timeMs).toISOString(),
      // A key is bytes; nearly all are text.
      key: Buffer.from(key, 'latin1').toString('utf8'),
      ...rest,
      value: value === null ? null : Buffer.from(value).toString('base64'),
    })),
  });
  const answer = (response: HttpResponse, made: Promise<object>): void => {
    made.then((value) => sendJson(response, 200, value), (error: unknown) => {
      if (!(error instanceof EtcdError)) log.error('an administrator\'s request failed', { error });
      sendJson(response, error instanceof EtcdError ? 409 : 500, { error: error instanceof Error ? error.message : String(error) });
    });
  };
  const within = (ms: number, done: Promise<void>): Promise<void> => {
    if (ms === 0) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = clock.after(ms, resolve);
      void done.finally(() => {
        timer.cancel();
        resolve();
      });
    });
  };
  const ids = (url: URL): bigint[] => url.searchParams.getAll('id').filter((id) => /^[0-9a-f]{1,16}$/.test(id)).map((id) => BigInt(`0x${id}`));
  return new Map<string, HttpHandler>([
    ['GET /admin/drain', (_request, response) => sendJson(response, 200, state())],
    ['POST /admin/drain', (_request, response, url) => {
      const drained = draining.drain();
      drained.catch((error: unknown) => log.error('the drain failed', { error }));
      answer(response, within(waitMs(url), drained.catch(() => {})).then(state));
    }],
    ['POST /admin/undrain', (_request, response) => answer(response, Promise.resolve().then(() => {
      draining.undrain();
      return state();
    }))],
    ['POST /admin/leave', (_request, response) => answer(response, draining.leave(() => store.cluster.remove(store.self.id)).then(members))],
    ['GET /admin/status', (_request, response) => sendJson(response, 200, status())],
    ['POST /admin/flush', (_request, response, url) => answer(response, (replication()?.flushed(waitMs(url)) ?? Promise.resolve(false)).then((flushed) => ({ flushed })))],
    ['GET /admin/members', (_request, response) => sendJson(response, 200, members())],
    ['GET /admin/conflicts', (_request, response) => sendJson(response, 200, conflicts())],
    ['POST /admin/members/evict', (_request, response, url) => answer(response, store.cluster.evict(ids(url)[0] ?? 0n).then(members))],
    ['POST /admin/members/force-remove', (_request, response, url) => answer(response, store.cluster.forceRemove(ids(url)).then(members))],
  ]);
}
