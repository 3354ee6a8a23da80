/** A suite as a list of named steps, each a result of its own. */
import { writeResults } from '../results.ts';
import type { Result } from '../results.ts';

export class Steps {
  readonly results: Result[] = [];
  private readonly suite: string;
  private readonly only: RegExp | undefined;

  /** `only`: steps whose name it does not match are left out. */
  constructor(suite: string, only?: string) {
    this.suite = suite;
    this.only = only === undefined ? undefined : new RegExp(only);
  }

  /** Runs it and notes how it went. What it throws is its failure, not the suite's: the next step runs anyway. Returns whether it passed. */
  async run(name: string, work: () => Promise<string | void>): Promise<boolean> {
    if (this.only !== undefined && !this.only.test(name)) return false;
    const from = Date.now();
    console.log(`--- ${name}`);
    let problem = '';
    let said: string | void = undefined;
    try {
      said = await work();
    } catch (error) {
      problem = error instanceof Error ? error.message : String(error);
    }
    const seconds = (Date.now() - from) / 1000;
    console.log(`${problem === '' ? 'ok' : 'FAILED'} after ${seconds.toFixed(1)} s: ${name}${problem === '' ? (said === undefined ? '' : `: ${said}`) : `\n${problem}`}`);
    this.results.push({ suite: this.suite, name, status: problem === '' ? 'passed' : 'failed', reason: problem.split('\n')[0] ?? '', seconds });
    writeResults(this.results);
    return problem === '';
  }

  get failed(): boolean {
    return this.results.some((result) => result.status === 'failed');
  }
}

/** Throws `text` unless it is so. */
export function expect(condition: boolean, text: string): asserts condition {
  if (!condition) throw new Error(text);
}
