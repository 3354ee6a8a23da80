/** Structured logging. Messages are constant text; everything that varies is a field. */

/**
 * debug: for people who work on EdgeStore. info: what an operator wants in a quiet day's log.
 * warn: something is off and EdgeStore copes. error: something failed that a person should look at.
 */
export type Level = 'debug' | 'info' | 'warn' | 'error';

export type Fields = Readonly<Record<string, unknown>>;

export interface Logger {
  debug(message: string, fields?: Fields): void;
  info(message: string, fields?: Fields): void;
  warn(message: string, fields?: Fields): void;
  error(message: string, fields?: Fields): void;
  /** A logger that adds `fields` to every line. */
  with(fields: Fields): Logger;
}

/** Discards everything. */
export const silent: Logger = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  with: () => silent,
};
