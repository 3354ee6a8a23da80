/** Sends old connections away, so that clients spread over replicas that came later. As grpc-go's keepalive.ServerParameters.MaxConnectionAge. */
import type { Clock, Timer } from '../../host/host.ts';
import type { Connection } from '../http2/connection.ts';

export interface AgingOptions {
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** How old a connection may become; 0: as old as it likes. */
  readonly connectionAgeMs: number;
  /** How long calls that end by themselves may still take. */
  readonly connectionAgeGraceMs: number;
}

/** What is done to a connection that is too old. */
export interface AgingConnection {
  readonly connection: Connection;
  /** It has been told to go: ends calls that would never end by themselves. */
  readonly told: () => void;
  /** The grace is over. */
  readonly over: () => void;
}

/** Connections that were opened together do not go together: each is up to this much of the age younger or older. */
const JITTER = 0.1;

/** Starts to count for a connection that has just been opened. Cancel it when the connection is closed. */
export function age({ clock, random, connectionAgeMs, connectionAgeGraceMs }: AgingOptions, { connection, told, over }: AgingConnection): { cancel(): void } {
  if (connectionAgeMs <= 0) return { cancel() {} };
  let timer: Timer = clock.after(connectionAgeMs * (1 + JITTER * (2 * random() - 1)), () => {
    timer = clock.after(connectionAgeGraceMs, over);
    connection.retire('max_age');
    told();
  });
  return { cancel: () => timer.cancel() };
}
