/** Fields of an object that are one thing together, while two versions of it are walked through: what has become of each such unit. */
import type { Changes } from './describe.ts';
import { below } from './dots.ts';

interface Unit {
  was: boolean;
  is: boolean;
  differs: boolean;
}

export class Units {
  readonly #units = new Map<string, Unit>();

  /** A field of a unit was met: in the version before, in the one now, and whether it differs between them. */
  met(name: string, old: boolean, now: boolean, differs: boolean): void {
    let unit = this.#units.get(name);
    if (unit === undefined) this.#units.set(name, (unit = { was: false, is: false, differs: false }));
    unit.was ||= old;
    unit.is ||= now;
    unit.differs ||= differs;
  }

  /** All fields of the object at `path` were met. */
  tell(path: string, changes: Changes): void {
    for (const [name, { was, is, differs }] of this.#units) if (differs) changes.replaced(below(path, name), was, is);
  }
}
