/** A real Prometheus (Debian's), with the chart's rules, that scrapes what it is told. */
import { writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { ROOT } from '../../support/edgestore.ts';
import { freePort } from '../../support/ports.ts';
import { Program } from '../../support/process.ts';
import type { TempDir } from '../../support/temp.ts';

export interface Target {
  /** host:port of /metrics. */
  readonly address: string;
  readonly job: string;
  readonly instance: string;
  /** As a PodMonitor would add it; absent where metrics bring their own. */
  readonly namespace?: string;
}

export interface Series {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: number;
}

interface Answer<T> {
  readonly status: string;
  readonly error?: string;
  readonly data: T;
}

export class Prometheus implements AsyncDisposable {
  private readonly program: Program;
  private readonly url: string;

  private constructor(program: Program, url: string) {
    this.program = program;
    this.url = url;
  }

  static async start(dir: TempDir, targets: readonly Target[]): Promise<Prometheus> {
    const port = await freePort();
    const file = dir.join('prometheus.json'); // JSON is YAML
    writeFileSync(file, JSON.stringify({
      global: { scrape_interval: '1s', scrape_timeout: '1s', evaluation_interval: '1s' },
      rule_files: [`${ROOT}/charts/edgestore/rules/edgestore.yaml`],
      scrape_configs: targets.map(({ address, job, instance, namespace }) => ({
        job_name: `${job} ${instance}`,
        honor_labels: true,
        static_configs: [{ targets: [address], labels: { job, instance, ...(namespace === undefined ? {} : { namespace }) } }],
      })),
    }));
    const program = new Program({
      name: 'prometheus', command: 'prometheus', logFile: dir.join('prometheus.log'),
      args: [`--config.file=${file}`, `--storage.tsdb.path=${dir.join('tsdb')}`, `--web.listen-address=127.0.0.1:${port}`],
    });
    program.start();
    const prometheus = new Prometheus(program, `http://127.0.0.1:${port}`);
    await prometheus.until('prometheus is ready', 60, async () => (await fetch(`${prometheus.url}/-/ready`)).ok);
    return prometheus;
  }

  /** The newest value of each series. Throws on an expression that Prometheus does not understand. */
  async query(expr: string): Promise<Series[]> {
    const { data } = await this.get<{ resultType: string; result: { metric: Record<string, string>; value: [number, string] }[] | [number, string] }>(`/api/v1/query?query=${encodeURIComponent(expr)}`);
    if (data.resultType === 'scalar') return [{ metric: {}, value: Number((data.result as [number, string])[1]) }];
    return (data.result as { metric: Record<string, string>; value: [number, string] }[]).map(({ metric, value }) => ({ metric, value: Number(value[1]) }));
  }

  /** The rules that it loaded, with how evaluating them went. */
  async rules(): Promise<readonly { readonly name: string; readonly health: string; readonly lastError?: string }[]> {
    const { data } = await this.get<{ groups: { rules: { name: string; health: string; lastError?: string }[] }[] }>('/api/v1/rules');
    return data.groups.flatMap((group) => group.rules);
  }

  async until(what: string, timeout_s: number, done: () => Promise<boolean>): Promise<void> {
    const deadline = Date.now() + timeout_s * 1_000;
    while (!(await done().catch(() => false))) {
      if (!this.program.running || Date.now() > deadline) throw new Error(`${what}: not within ${timeout_s} s\n${this.program.tail()}`);
      await sleep(200);
    }
  }

  private async get<T>(path: string): Promise<Answer<T>> {
    const answer = (await (await fetch(this.url + path)).json()) as Answer<T>;
    if (answer.status !== 'success') throw new Error(`${decodeURIComponent(path)}: ${answer.error}`);
    return answer;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.program.stop();
  }
}
