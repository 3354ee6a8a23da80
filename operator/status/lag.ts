/** How far each replica is behind, from what all of them report. */
import { BEHIND_S, CAUGHT_UP_S } from '../limits.ts';
import type { ReplicaReport } from '../replica/replica-api.ts';
import type { LagBucket } from '../resource/status.ts';

/** What others have written and `name` does not hold. Only replicas that answered are asked. */
export function lagOf(name: string, reports: Iterable<ReplicaReport>): LagBucket {
  let lag_s = 0;
  let linked = true;
  let own: ReplicaReport | null = null;
  for (const report of reports) {
    if (report.name === name) {
      own = report;
      continue;
    }
    if (!report.serving && report.drain.state === 'serving') continue; // it is new itself
    const link = report.peers.find((peer) => peer.name === name);
    if (link === undefined) continue;
    lag_s = Math.max(lag_s, link.lagSeconds);
    linked &&= link.connected;
  }
  if (lag_s >= BEHIND_S) return 'FarBehind';
  if (lag_s >= CAUGHT_UP_S) return 'Behind';
  if (own === null || !linked) return 'Unknown';
  return own.serving || own.drain.state !== 'serving' ? 'CaughtUp' : 'Behind';
}

/** It serves, and holds what every other one that serves has written until a few seconds ago. */
export function caughtUp(name: string, reports: readonly ReplicaReport[]): boolean {
  const own = reports.find((report) => report.name === name);
  if (own === undefined || !own.serving) return false;
  return reports.every((report) => {
    if (report.name === name || !report.serving) return true;
    const link = report.peers.find((peer) => peer.name === name);
    return link !== undefined && link.connected && link.lagSeconds < CAUGHT_UP_S;
  });
}
