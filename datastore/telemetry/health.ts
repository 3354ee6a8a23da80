/** /health, /livez and /readyz, in etcd's form (server/etcdserver/api/etcdhttp/health.go). */
import type { Counter, Metrics } from './metrics.ts';

export interface Page {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

/** What health depends on. */
export interface Condition {
  /** Alarms raised on this replica, by etcd's names. */
  alarms(): readonly string[];
  /** Why this replica does not serve clients now ('catching up', 'draining'); undefined if it does. */
  notServing(): string | undefined;
  /** Why reading fails; undefined if a read just worked. */
  readFails(): string | undefined;
}

interface Check {
  readonly name: string;
  /** undefined: it is well. */
  readonly problem: string | undefined;
}

export class Health {
  private readonly condition: Condition;
  private readonly success: Counter;
  private readonly failures: Counter;

  constructor(condition: Condition, metrics: Metrics) {
    this.condition = condition;
    this.success = metrics.counter('etcd_server_health_success');
    this.failures = metrics.counter('etcd_server_health_failures');
  }

  /** The page at that path, or undefined if there is none. `query`: `exclude=NOSPACE` for /health, `verbose` and `exclude` for the others. */
  page(path: string, query: URLSearchParams): Page | undefined {
    if (path === '/health') return this.health(query);
    if (path === '/livez') return this.checks([this.readCheck()], query, path);
    if (path === '/readyz') return this.checks([this.servingCheck(), this.readCheck()], query, path);
    for (const [prefix, checks] of [['/livez/', [this.readCheck()]], ['/readyz/', [this.servingCheck(), this.readCheck()]]] as const) {
      const only = checks.filter((check) => path === prefix + check.name);
      if (only.length > 0) return this.checks(only, query, path);
    }
    return undefined;
  }

  /** etcd: unhealthy while an alarm is raised that the caller does not exclude, or when a read fails. */
  private health(query: URLSearchParams): Page {
    const excluded = query.getAll('exclude');
    const alarm = this.condition.alarms().find((type) => !excluded.includes(type));
    const problem = alarm === undefined ? (this.condition.notServing() ?? this.condition.readFails()) : `ALARM ${alarm}`;
    this.count(problem === undefined);
    return {
      status: problem === undefined ? 200 : 503,
      contentType: 'application/json',
      body: JSON.stringify({ health: String(problem === undefined), reason: problem ?? '' }),
    };
  }

  private servingCheck(): Check {
    return { name: 'serving', problem: this.condition.notServing() };
  }

  private readCheck(): Check {
    return { name: 'serializable_read', problem: this.condition.readFails() };
  }

  private checks(all: readonly Check[], query: URLSearchParams, path: string): Page {
    const excluded = query.getAll('exclude');
    const checks = all.filter((check) => !excluded.includes(check.name));
    const ok = checks.every((check) => check.problem === undefined);
    this.count(ok);
    const lines = checks.map(({ name, problem }) => (problem === undefined ? `[+]${name} ok` : `[-]${name} failed: ${problem}`));
    const body = ok && !query.has('verbose') ? 'ok\n' : `${lines.join('\n')}\n${ok ? 'ok' : `${path.slice(1)} check failed`}\n`;
    return { status: ok ? 200 : 503, contentType: 'text/plain; charset=utf-8', body };
  }

  private count(ok: boolean): void {
    (ok ? this.success : this.failures).value++;
  }
}
