/** What writers asked for, and what was acknowledged. Each key has one writer, which waits for each answer: so what a key may be is known exactly. */

interface State {
  /** The last acknowledged value; null: deleted, or never written. */
  value: string | null;
  /** What unanswered requests since then would make it. */
  maybe: (string | null)[];
}

export class Ledger {
  acknowledged = 0;
  unanswered = 0;
  private readonly keys = new Map<string, State>();

  /** About to be asked for. */
  ask(key: string, value: string | null): void {
    const state = this.keys.get(key);
    if (state === undefined) this.keys.set(key, { value: null, maybe: [value] });
    else state.maybe.push(value);
  }

  acknowledge(key: string, value: string | null): void {
    this.acknowledged++;
    this.keys.set(key, { value, maybe: [] });
  }

  noAnswer(): void {
    this.unanswered++;
  }

  /** What is wrong with a replica's content; at most ten lines. */
  compare(content: ReadonlyMap<string, string>): string[] {
    const wrong: string[] = [];
    for (const [key, { value, maybe }] of this.keys) {
      const found = content.get(key) ?? null;
      if (found !== value && !maybe.includes(found)) wrong.push(`${key}: ${value} was acknowledged${maybe.length === 0 ? '' : ` (unanswered: ${maybe.join(', ')})`}, found ${found}`);
    }
    for (const key of content.keys()) if (!this.keys.has(key)) wrong.push(`${key}: nobody wrote it`);
    return wrong.slice(0, 10);
  }

  get size(): number {
    return this.keys.size;
  }
}
