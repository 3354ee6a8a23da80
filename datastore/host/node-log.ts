import type { Clock } from './host.ts';
import type { Fields, Level, Logger } from './log.ts';

const rank: Readonly<Record<Level, number>> = { debug: 0, info: 1, warn: 2, error: 3 };

export interface JsonLogOptions {
  readonly clock: Clock;
  /** Lines below this level are dropped. Default info. */
  readonly level?: Level;
  /** Where a line (with its newline) goes. Default: stderr. */
  readonly write?: (line: string) => void;
}

export interface JsonLog extends Logger {
  /** Changes the filter of this logger and of all made from it by `with`. */
  setLevel(level: Level): void;
}

/**
 * One JSON object a line, with the keys of etcd's logger (zap): `level`, `ts`, `msg`, then the fields, so that what collects
 * etcd's logs reads these. A field named like one of the three is written with a trailing underscore.
 */
export function jsonLog(options: JsonLogOptions): JsonLog {
  const write = options.write ?? ((line: string) => void process.stderr.write(line));
  const filter = { rank: rank[options.level ?? 'info'] };

  const make = (bound: Fields): JsonLog => {
    const log = (level: Level, message: string, fields?: Fields): void => {
      if (rank[level] < filter.rank) return;
      write(formatLine(level, options.clock.wallMs(), message, { ...bound, ...fields }));
    };
    return {
      debug: (message, fields) => log('debug', message, fields),
      info: (message, fields) => log('info', message, fields),
      warn: (message, fields) => log('warn', message, fields),
      error: (message, fields) => log('error', message, fields),
      with: (fields) => make({ ...bound, ...fields }),
      setLevel: (level) => {
        filter.rank = rank[level];
      },
    };
  };
  return make({});
}

function formatLine(level: Level, wallMs: number, message: string, fields: Fields): string {
  const line: Record<string, unknown> = { level, ts: new Date(wallMs).toISOString(), msg: message };
  for (const [name, value] of Object.entries(fields)) line[name in line ? `${name}_` : name] = plain(value);
  try {
    return `${JSON.stringify(line, (_, value: unknown) => plain(value))}\n`;
  } catch (error) {
    // A field with a cycle must not take the process down: logging is never worth that.
    return `${JSON.stringify({ level, ts: line.ts, msg: message, unloggable: String(error) })}\n`;
  }
}

/** JSON for what JSON has no form of. Bytes are shown by length and beginning: values may be large, and secret. */
function plain(value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString();
  if (value instanceof Error) return value.cause === undefined ? value.message : `${value.message}: ${String(plain(value.cause))}`;
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  if (value instanceof Map) return Object.fromEntries(value);
  if (value instanceof Set) return [...value];
  return value;
}
