/** Metrics of the journal. */
import type { JournalObserver } from '../journal/types.ts';
import type { Metrics } from './metrics.ts';

/** What the journal tells of each fsync, commit and snapshot. */
export function journalMetrics(metrics: Metrics): JournalObserver {
  const fsyncs = metrics.histogram('etcd_disk_wal_fsync_duration_seconds');
  const bytesWritten = metrics.counter('etcd_disk_wal_write_bytes_total');
  const commits = metrics.histogram('etcd_disk_backend_commit_duration_seconds');
  const snapshots = metrics.histogram('edgestore_snapshot_duration_seconds');
  let snapshotBytes = 0;
  metrics.read('edgestore_snapshot_bytes', () => snapshotBytes);
  return {
    fsync(seconds, bytes) {
      fsyncs.observe(seconds);
      bytesWritten.value += bytes;
    },
    commit: (seconds) => commits.observe(seconds),
    snapshot(seconds, bytes) {
      snapshots.observe(seconds);
      snapshotBytes = bytes;
    },
  };
}
