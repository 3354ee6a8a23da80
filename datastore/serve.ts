/** `edgestore serve`: one replica as a process. What it consists of is put together in replica-process.ts; here are the log and the signals. */
import { openLogSink } from './admin/logging.ts';
import { hasAside, setAside } from './aside.ts';
import { StaleDataError } from './place.ts';
import { startProblem } from './admin/problem.ts';
import type { Configuration } from './config/config.ts';
import { EDGESTORE_VERSION, ETCD_API_LEVEL } from './config/version.ts';
import type { Logger } from './host/log.ts';
import { nodeClock } from './host/node-clock.ts';
import { nodeDisk } from './host/node-disk.ts';
import { jsonLog } from './host/node-log.ts';
import { ForgottenDeletionError } from './replica/assert.ts';
import { startReplica } from './replica-process.ts';
import type { RunningReplica } from './replica-process.ts';
import type { Settings } from './config/settings.ts';

/** What the log says of the command line, once. */
function logConfiguration(log: Logger, { settings, withoutEffect, warnings, configFile }: Configuration): void {
  log.info('starting', {
    version: EDGESTORE_VERSION, etcd: ETCD_API_LEVEL, node: process.version, pid: process.pid, name: settings.name, slot: settings.slot,
    'member-id': settings.memberId.toString(16), 'data-dir': settings.dataDir,
    'initial-cluster': settings.initialCluster.map((member) => `${member.name}=${member.peerUrls.join(',')}`),
  });
  if (configFile !== undefined) log.info('configuration comes from the file alone; flags and environment are ignored', { path: configFile });
  for (const warning of warnings) log.warn('environment', { warning });
  if (withoutEffect.length > 0) log.info('options without effect here', { options: withoutEffect });
}

/**
 * Runs a replica until a signal or until its disk fails. Returns the exit code.
 * The first SIGTERM or SIGINT ends it in order, a second one at once; SIGHUP reads certificates again.
 * An error that nobody expected ends the process: what state it is in, nobody knows.
 * @param exit ends the process at once
 */
export async function serveReplica(configuration: Configuration, exit: (code: number) => void): Promise<number> {
  const { settings } = configuration;
  const sink = openLogSink(settings.logOutputs, settings.logFormat);
  const log = jsonLog({ clock: nodeClock, level: settings.logLevel, write: (line) => sink.write(line) });
  logConfiguration(log, configuration);

  const unexpected = (error: unknown): void => {
    log.error('unexpected error; the process ends', { error, stack: error instanceof Error ? error.stack : undefined });
    exit(1);
  };
  process.on('uncaughtException', unexpected);
  process.on('unhandledRejection', unexpected);

  let told = false;
  const signalled = new Promise<void>((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      process.on(signal, () => {
        if (told) exit(1);
        told = true;
        log.info('received signal; shutting down', { signal });
        resolve();
      });
    }
    // `edgestore dev` holds a channel to each of its replicas; when it is gone, so is their reason to be.
    process.once('disconnect', () => {
      log.info('the parent process is gone; shutting down');
      resolve();
    });
    process.channel?.unref();
  });

  let reload = (): Promise<void> => Promise.resolve();
  process.on('SIGHUP', () => void reload());
  try {
    let joining = settings.joining || (await hasAside(nodeDisk, settings.dataDir));
    for (;;) {
      const stale = await live({ ...settings, joining }, log, signalled, (fn) => (reload = fn));
      if (stale === null) break;
      // The disk is not what the cluster takes for this replica's any more. It starts again, as one that has none.
      const aside = await setAside(nodeDisk, settings.dataDir, stale.members);
      log.warn('the data folder does not belong to the cluster any more: it is set aside, and the replica joins with an empty one', { why: stale.message, aside });
      joining = true;
    }
    log.info('stopped');
    return 0;
  } catch (error) {
    const line = startProblem(error);
    log.error(line ?? 'cannot go on', line === undefined ? { error, stack: error instanceof Error ? error.stack : undefined } : {});
    return 1;
  } finally {
    sink.close();
  }
}

/**
 * One life of the replica, until the signal. Returns null then, or why its disk must not be used any more. Rejects with what ended it otherwise.
 * @param onReload is given what reads certificates again
 */
async function live(settings: Settings, log: Logger, signalled: Promise<void>, onReload: (fn: () => Promise<void>) => void): Promise<StaleDataError | null> {
  let fail: (error: unknown) => void = () => undefined;
  const failed = new Promise<never>((_, reject) => (fail = reject));
  failed.catch(() => undefined);
  let replica: RunningReplica | undefined;
  try {
    const ending = Promise.race([signalled.then(() => null), failed]);
    const started = await Promise.race([startReplica(settings, log, fail), ending]);
    // Told to end while it still looked for its cluster: nothing has been written.
    if (started === null) return null;
    replica = started;
    onReload(() => started.reload());
    // Whatever ends it while it still catches up ends the wait, too.
    replica.ready.then((how) => log.info('ready to serve client requests', { how }), () => undefined);
    await ending;
    await replica.stop();
    return null;
  } catch (error) {
    if (!(error instanceof StaleDataError) || replica === undefined) throw error;
    await replica.stop().catch((broken: unknown) => {
      if (!(broken instanceof ForgottenDeletionError)) throw broken;
    });
    return error;
  }
}
