/** What a run has done, by name: operations, faults, checks. Adds up over runs. */
export class Figures {
  readonly counts = new Map<string, number>();

  add(name: string, n = 1): void {
    this.counts.set(name, (this.counts.get(name) ?? 0) + n);
  }

  merge(other: Iterable<readonly [string, number]>): void {
    for (const [name, n] of other) this.add(name, n);
  }

  /** Sum of everything whose name begins so. */
  sum(prefix: string): number {
    let n = 0;
    for (const [name, count] of this.counts) if (name.startsWith(prefix)) n += count;
    return n;
  }

  get sorted(): [string, number][] {
    return [...this.counts].sort(([a], [b]) => (a < b ? -1 : 1));
  }
}
