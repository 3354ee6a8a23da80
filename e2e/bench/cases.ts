/** What is measured, as data: add a case here and it is in the table. */

/** A cluster that cases run against, started afresh for each round. */
export interface Setup {
  readonly id: string;
  readonly members: number;
  /** One way between any two members; through a proxy in front of each peer address, only if given. */
  readonly peerDelay_ms?: number;
  /** Which members the clients talk to: all, or only the last one started (with etcd mostly a follower's site). */
  readonly clientsAt: 'all' | 'one';
  /** Only on request (--setups), since they take long or mean little on loopback. */
  readonly optional?: boolean;
}

/** One run of etcd's `benchmark`. */
export interface Case {
  readonly id: string;
  readonly op: 'put' | 'range' | 'range-serializable' | 'watch' | 'watch-latency';
  readonly clients: number;
  readonly conns: number;
  /** Operations, before --scale. */
  readonly total: number;
  /** Runs before anything else on a server that has just started, and is not scaled: how many operations there have been is what matters. */
  readonly cold?: boolean;
  readonly value_bytes: number;
  /** Of all clients together, at most; as fast as they can if left out. */
  readonly rate_per_s?: number;
  readonly optional?: boolean;
}

export const SETUPS: readonly Setup[] = [
  { id: '1', members: 1, clientsAt: 'all' },
  { id: '3', members: 3, clientsAt: 'all' },
  { id: '3-one', members: 3, clientsAt: 'one', optional: true },
  { id: '3-25ms', members: 3, peerDelay_ms: 25, clientsAt: 'all', optional: true },
  { id: '3-25ms-one', members: 3, peerDelay_ms: 25, clientsAt: 'one', optional: true },
];

export const CASES: readonly Case[] = [
  { id: 'put-1-cold', op: 'put', clients: 1, conns: 1, total: 2_000, value_bytes: 256, cold: true },
  { id: 'put-1', op: 'put', clients: 1, conns: 1, total: 10_000, value_bytes: 256 },
  { id: 'put-1000', op: 'put', clients: 1_000, conns: 100, total: 100_000, value_bytes: 256 },
  { id: 'range-1', op: 'range', clients: 1, conns: 1, total: 6_000, value_bytes: 256 },
  { id: 'range-1000', op: 'range', clients: 1_000, conns: 100, total: 150_000, value_bytes: 256 },
  { id: 'serializable-1000', op: 'range-serializable', clients: 1_000, conns: 100, total: 150_000, value_bytes: 256, optional: true },
  // 1,000 watchers of one key. Operations: puts, each an event to each watcher. 'watch': as fast as it goes; its ops/s are events.
  { id: 'watch', op: 'watch', clients: 10, conns: 10, total: 1_000, value_bytes: 256, optional: true },
  // At 200 puts/s; p50 and p99 are from the put to the event's arrival, ops/s only shows whether the server kept up.
  { id: 'watch-latency', op: 'watch-latency', clients: 10, conns: 10, total: 1_000, value_bytes: 256, optional: true },
];

/** Below 100 the load generator prints no p99. */
const OPERATIONS_MIN = 150;

/** With a delay a single client makes some ten operations a second: fewer of them tell as much. */
const SLOW = 0.02;

export function operations(setup: Setup, measured: Case, scale: number): number {
  const slow = setup.peerDelay_ms !== undefined && measured.clients === 1 ? SLOW : 1;
  return Math.max(OPERATIONS_MIN, Math.round(measured.total * (measured.cold === true ? 1 : scale) * slow));
}

/**
 * What comes before the first case that is not cold, the same for both programs and at every --scale: many clients at once, for the files and the
 * batches; then one client alone, until a put takes no longer than any later one (the report has the curve).
 */
export const WARM_UP: readonly Case[] = [
  { id: 'warm-up of many', op: 'put', clients: 100, conns: 10, total: 10_000, value_bytes: 256 },
  { id: 'warm-up of one', op: 'put', clients: 1, conns: 1, total: 20_000, value_bytes: 256 },
];

/** One client's puts from the start on, in windows of so many. */
export const CURVE = { windows: 12, measured: { id: 'put-1', op: 'put', clients: 1, conns: 1, total: 2_000, value_bytes: 256 } } as const satisfies { windows: number; measured: Case };
