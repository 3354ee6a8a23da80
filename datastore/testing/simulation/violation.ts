/** What a check found: the run ends with it. */
export class Violation extends Error {
  constructor(what: string) {
    super(what);
    this.name = 'Violation';
  }
}

/** Stops the run if something does not hold. */
export function check(holds: boolean, what: () => string): asserts holds {
  if (!holds) throw new Violation(what());
}
