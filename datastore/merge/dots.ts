/**
 * The dot of a field: the stamp of the write that last changed it (REPLICATION.md, rule 1). Fields are named by paths, the names joined by `/` as in a JSON
 * pointer; an element of a list by its key in brackets.
 *
 * A dot that is stable (held by every member) needs no name, for every context to come has it: it is `OLD`. So what a write must name is what it
 * changed itself, and what others changed just before. Nearly all fields of an object have the same dot, so only exceptions are listed.
 */
import type { Context, Stamp } from '../stamp.ts';
import { compareStamps, inContext } from '../stamp.ts';

/** Some stable dot: in every context, below every other. */
export const OLD: Stamp = { lamport: 0, log: 0 };

export const sameStamp = (a: Stamp, b: Stamp): boolean => a.lamport === b.lamport && a.log === b.log;

/** What one head says of its fields. */
export class Dots {
  /** When the object was created: the dot of its uid. */
  readonly created: Stamp;
  /** Of all fields that are not listed. */
  readonly usual: Stamp;
  readonly exceptions: ReadonlyMap<string, Stamp>;

  constructor(created: Stamp, usual: Stamp, exceptions: ReadonlyMap<string, Stamp>) {
    this.created = created;
    this.usual = usual;
    this.exceptions = exceptions;
  }

  of(path: string): Stamp {
    return this.exceptions.get(path) ?? this.usual;
  }

  /** The highest dot at a path and below. */
  within(path: string): Stamp {
    let highest = this.of(path);
    for (const [other, dot] of this.exceptions) if (other.startsWith(path) && other[path.length] === '/' && compareStamps(dot, highest) > 0) highest = dot;
    return highest;
  }
}

/** Names of members and keys that hold a `/` must not look like two names. */
export const below = (path: string, name: string): string => {
  const escaped = name.includes('/') || name.includes('~') ? name.replaceAll('~', '~0').replaceAll('/', '~1') : name;
  return path === '' ? escaped : `${path}/${escaped}`;
};
export const element = (path: string, key: string): string => below(path, `[${key}]`);

/**
 * Do two heads mean the same change? `OLD` says only that it is stable: if the other names a change that this one's author had seen, it is that one,
 * for had it been replaced, the other's author would have seen that, too.
 */
export function sameDot(a: Stamp, contextOfA: Context, b: Stamp, contextOfB: Context): boolean {
  if (a.lamport === 0) return b.lamport === 0 || inContext(contextOfA, b);
  if (b.lamport === 0) return inContext(contextOfB, a);
  return sameStamp(a, b);
}
