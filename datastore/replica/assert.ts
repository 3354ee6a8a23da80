/** A programmer's error. Stays on in production: a replica that breaks an invariant must stop rather than spread it. */
export class InvariantError extends Error {
  constructor(what: string) {
    super(`invariant broken: ${what}`);
    this.name = 'InvariantError';
  }
}

/**
 * The owner of a log has dropped a value that lives here, and nothing here is later: a deletion that this disk has not seen has been forgotten by everybody else.
 * That happens to an old copy of a disk, or a second one with its logs, that nobody could tell from the original.
 */
export class ForgottenDeletionError extends InvariantError {
  constructor() {
    super('a live value was dropped from its document');
    this.name = 'ForgottenDeletionError';
  }
}

export function assert(holds: boolean, what: string): asserts holds {
  if (!holds) throw new InvariantError(what);
}
