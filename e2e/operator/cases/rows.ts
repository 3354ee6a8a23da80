/**
 * What must come out, case by case, and where it is seen. Each step of the suite names the row that it is for; a row of which no step was run, or one failed,
 * fails. Printed at the end of a run.
 *
 * | row | case | outcome | seen in |
 * |---|---|---|---|
 * | away | a pod deleted | as many replicas; it returns on its volume | day-cases.ts |
 * | away | a node lost for an hour | the same; it serves at once and catches up | outpost-case.ts: for 24 times what is kept of history (an hour is six times the default) |
 * | successor | the operator killed in the middle of a drain | its successor goes on from status, no second drain | drain-cases.ts |
 * | lease | two operators | one holds the Lease, the other writes nothing | drain-cases.ts |
 * | cancelled | more replicas are wanted during a drain, as an autoscaler wants them: at /scale | cancelled, the replica serves again, Event | drain-cases.ts |
 * | blocked | a drain that cannot finish, for a peer is away | ScaleInBlocked with the reason, the pod stays, goes on by itself | drain-cases.ts |
 * | evicted | a pod evicted by a node drain | flushed; the budget keeps the others; nothing acknowledged is lost | day-cases.ts |
 * | rolled | the image forward and back, chart and CRD with it | one replica at a time, each catches up first; both versions read the data | upgrade-cases.ts |
 * | adopted | an EdgeStore deleted and made again, volumes retained | refused without the annotation; with it the same data and cluster | day-cases.ts |
 * | scaled | 5 → 2 → 5 | one drains at a time, volumes gone, new logs, no deleted key returns | disk-cases.ts |
 * | putBack | the volume of a removed replica put back by hand | refused, or begun anew; nothing of it is merged | disk-cases.ts |
 * | killed | all pods killed at once | every acknowledged write is there, they converge | day-cases.ts |
 *
 * After every step: nothing acknowledged is lost, nothing deleted has come back, no watcher has a gap, the replicas hold the same (traffic/).
 */
import type { Result } from '../../results.ts';

export const rows = {
  away: 'a pod deleted, or a node lost for an hour',
  successor: 'the operator killed in the middle of a drain',
  lease: 'two operators',
  cancelled: 'an autoscaler wants more replicas during a drain',
  blocked: 'a drain that cannot finish',
  evicted: 'a pod evicted by a node drain',
  rolled: 'the image rolled forward, then back, with the chart',
  adopted: 'an EdgeStore deleted and made again, volumes retained',
  scaled: 'scaled 5 → 2 → 5',
  putBack: 'the volume of a removed replica put back by hand',
  killed: 'all pods killed at once',
} as const;

export type Row = keyof typeof rows;

/** Which steps stand for which row, and how each row came out. `seen`: name of a step → its row. */
export function account(results: readonly Result[], seen: ReadonlyMap<string, Row>): { readonly row: Row; readonly steps: readonly Result[]; readonly ok: boolean }[] {
  return (Object.keys(rows) as Row[]).map((row) => {
    const steps = results.filter(({ name }) => seen.get(name) === row);
    return { row, steps, ok: steps.length > 0 && steps.every(({ status }) => status === 'passed') };
  });
}

/** For people: each row, and below it what was done. */
export function accountText(accounts: ReturnType<typeof account>): string {
  return accounts.flatMap(({ row, steps, ok }) => [
    `${ok ? 'ok    ' : 'NOT OK'} ${rows[row]}${steps.length === 0 ? ': no case was run' : ''}`,
    ...steps.map(({ name, status, seconds }) => `         ${status}: ${name} (${seconds.toFixed(0)} s)`),
  ]).join('\n');
}
