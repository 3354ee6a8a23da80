/** The entry point of a process that makes one snapshot: reads the folder as a start would, and writes what it has understood. */
import { nodeClock } from '../host/node-clock.ts';
import { nodeDisk } from '../host/node-disk.ts';
import { asWorker } from '../host/workers.ts';
import { buildSnapshot } from '../journal/build-snapshot.ts';
import type { SnapshotJob } from '../journal/build-snapshot.ts';
import type { MergerOptions } from '../merge/merger.ts';
import { Machine } from './machine.ts';

await asWorker(async (job) => {
  const { merging, ...rest } = job as SnapshotJob & { readonly merging: MergerOptions | null };
  const machine = new Machine({ clock: nodeClock, merging });
  await buildSnapshot({ disk: nodeDisk, clock: nodeClock }, rest, machine);
  machine.close();
});
