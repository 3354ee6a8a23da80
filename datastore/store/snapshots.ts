/** Has snapshots made by a process of their own, that reads the files and knows nothing else. */
import type { SnapshotJob } from '../journal/build-snapshot.ts';
import type { Workers } from '../host/workers.ts';

/** For `JournalOptions.makeSnapshot`. */
export const snapshotsByWorker = (workers: Workers) => (job: SnapshotJob, signal: AbortSignal): Promise<void> =>
  workers.run(new URL('./snapshot-worker.ts', import.meta.url), job, signal);
