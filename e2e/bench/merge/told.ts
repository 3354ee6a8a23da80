/** Loaded into a replica (`--import`) that says what memory it holds: upon SIGUSR2 it collects all garbage and writes it to a file, named by its process. */
import { renameSync, writeFileSync } from 'node:fs';

process.on('SIGUSR2', () => {
  const directory = process.env['TOLD_DIR'];
  if (directory === undefined || globalThis.gc === undefined) throw new Error('TOLD_DIR and --expose-gc are needed');
  // What the first frees may hold more.
  for (let i = 0; i < 3; i++) globalThis.gc();
  const { heapUsed, external } = process.memoryUsage();
  writeFileSync(`${directory}/${process.pid}.new`, JSON.stringify({ heapUsed, external }));
  renameSync(`${directory}/${process.pid}.new`, `${directory}/${process.pid}`);
});
