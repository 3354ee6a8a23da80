/** /health, /livez and /readyz, as etcd 3.7 answers them (server/etcdserver/api/etcdhttp/health.go). */
import type { ServiceContext } from '../context.ts';
import type { AlarmType } from '../types.ts';
import { type HttpHandler, sendError, sendJson, sendText } from './types.ts';

type Check = () => void;

/** A read that changes nothing: any key, at most one. Throws while the replica does not serve. */
function readCheck({ kv, serving }: ServiceContext): Check {
  return () => {
    const refusal = serving.refusal();
    if (refusal !== null) throw refusal;
    kv.range({
      range: { start: '\0', end: '\0' },
      limit: 1,
      revision: 0,
      sortOrder: 0,
      sortTarget: 0,
      serializable: true,
      keysOnly: true,
      countOnly: false,
      minModRevision: 0,
      maxModRevision: 0,
      minCreateRevision: 0,
      maxCreateRevision: 0,
    });
  };
}

export function healthHandler(context: ServiceContext): HttpHandler {
  const read = readCheck(context);
  return (_request, response, url) => {
    const excluded = new Set<string>(url.searchParams.getAll('exclude'));
    const alarm = context.maintenance.alarms().find(({ type }) => !excluded.has(type));
    let reason = alarm === undefined ? '' : `ALARM ${alarm.type}`;
    if (reason === '') {
      try {
        read();
      } catch (error) {
        reason = `RANGE ERROR:${(error as Error).message}`;
      }
    }
    if (reason === '') sendJson(response, 200, { health: 'true', reason: '' });
    else sendError(response, 503, JSON.stringify({ health: 'false', reason }));
  };
}

/** Handlers by path: `/livez`, `/readyz`, and one for each of their checks. */
export function probeHandlers(context: ServiceContext): Map<string, HttpHandler> {
  const read = readCheck(context);
  const noAlarm = (type: AlarmType) => () => {
    if (context.maintenance.alarms().some((alarm) => alarm.type === type)) throw new Error(`alarm activated: ${type}`);
  };
  // The process lives as long as it answers, even while it catches up: a restart would not help it.
  const live = new Map<string, Check>([['serializable_read', () => {}]]);
  const ready = new Map<string, Check>([
    ['data_corruption', noAlarm('CORRUPT')],
    ['serializable_read', read],
    ['linearizable_read', read],
    ['non_learner', () => {}],
  ]);
  const handlers = new Map<string, HttpHandler>();
  for (const [path, checks] of [['/livez', live], ['/readyz', ready]] as const) {
    handlers.set(path, probe(checks));
    for (const [name, check] of checks) handlers.set(`${path}/${name}`, probe(new Map([[name, check]])));
  }
  return handlers;
}

function probe(checks: ReadonlyMap<string, Check>): HttpHandler {
  return (_request, response, url) => {
    const excluded = new Set(url.searchParams.getAll('exclude'));
    let report = '';
    let failed = false;
    for (const [name, check] of checks) {
      if (excluded.has(name)) continue;
      try {
        check();
        report += `[+]${name} ok\n`;
      } catch (error) {
        failed = true;
        report += `[-]${name} failed: ${(error as Error).message}\n`;
      }
    }
    if (failed) sendError(response, 503, report);
    else sendText(response, 200, 'text/plain; charset=utf-8', `${url.searchParams.has('verbose') ? report : ''}ok\n`);
  };
}
