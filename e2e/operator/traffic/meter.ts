/** Counts and times requests between two looks. */

export interface Reading {
  readonly writes: number;
  readonly reads: number;
  readonly failures: number;
  /** Of writes, in milliseconds; 0 if there were none. */
  readonly write_ms_p50: number;
  readonly write_ms_p99: number;
  readonly read_ms_p50: number;
  readonly read_ms_p99: number;
}

export class Meter {
  private writes: number[] = [];
  private reads: number[] = [];
  private failures = 0;

  write(ms: number): void {
    this.writes.push(ms);
  }

  read(ms: number): void {
    this.reads.push(ms);
  }

  failed(): void {
    this.failures++;
  }

  /** Since the last look. */
  take(): Reading {
    const { writes, reads, failures } = this;
    this.writes = [];
    this.reads = [];
    this.failures = 0;
    return {
      writes: writes.length, reads: reads.length, failures,
      write_ms_p50: quantile(writes, 0.5), write_ms_p99: quantile(writes, 0.99), read_ms_p50: quantile(reads, 0.5), read_ms_p99: quantile(reads, 0.99),
    };
  }
}

/** 0 of nothing. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? 0;
}
