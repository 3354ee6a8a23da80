import type { Operation } from './operations.ts';

/**
 * Leaves operations out as long as `fails` still holds, in ever smaller pieces, until `deadline` (of performance.now).
 * The last operation, which shows the difference, always stays.
 */
export async function shrink(operations: readonly Operation[], fails: (operations: readonly Operation[]) => Promise<boolean>, deadline: number): Promise<readonly Operation[]> {
  let best = operations;
  for (let size = Math.ceil(best.length / 2); size >= 1 && performance.now() < deadline; ) {
    let smaller = false;
    for (let start = 0; start < best.length - 1 && performance.now() < deadline; ) {
      const candidate = [...best.slice(0, start), ...best.slice(Math.min(start + size, best.length - 1))];
      if (candidate.length < best.length && (await fails(candidate))) {
        best = candidate;
        smaller = true;
      } else {
        start += size;
      }
    }
    if (size === 1 && !smaller) break;
    size = size === 1 ? 1 : Math.ceil(size / 2);
  }
  return best;
}
