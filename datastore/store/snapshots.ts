/** Has snapshots made by a process of their own, that reads the files and knows nothing else. */
import type { SnapshotJob } from '../journal/build-snapshot.ts';
import type { Workers } from '../host/workers.ts';
import type { MergerOptions } from '../merge/merger.ts';

/** For `JournalOptions.makeSnapshot`. */
export const snapshotsByWorker = (workers: Workers, merging: MergerOptions | null) => (job: SnapshotJob, signal: AbortSignal): Promise<void> =>
  workers.run(new URL('./snapshot-worker.ts', import.meta.url), { ...job, merging }, signal);
