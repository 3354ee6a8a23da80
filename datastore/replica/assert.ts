/** A programmer's error. Stays on in production: a replica that breaks an invariant must stop rather than spread it. */
export class InvariantError extends Error {
  constructor(what: string) {
    super(`invariant broken: ${what}`);
    this.name = 'InvariantError';
  }
}

export function assert(holds: boolean, what: string): asserts holds {
  if (!holds) throw new InvariantError(what);
}
