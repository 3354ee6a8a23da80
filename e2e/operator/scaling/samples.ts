/** What is looked at every two seconds: each replica's own counters, what is wanted and what is there, how long writes take. */
import type { Pod, Store } from '../store.ts';
import type { Meter, Reading } from '../traffic/meter.ts';

export interface Sample {
  /** Seconds since the beginning. */
  readonly t: number;
  /** Of each replica that answered: reads a second, and processor time (1: one core). */
  readonly replicas: Readonly<Record<string, { readonly reads: number; readonly cpu: number }>>;
  readonly wanted: number;
  readonly ready: number;
  readonly draining: string;
  readonly writes: Reading;
}

interface Counters {
  readonly at: number;
  readonly reads: number;
  readonly cpu_s: number;
}

function sum(text: string, pattern: RegExp): number {
  let total = 0;
  for (const line of text.split('\n')) if (pattern.test(line)) total += Number(line.slice(line.lastIndexOf(' ') + 1));
  return total;
}

async function countersOf(pod: Pod): Promise<Counters | undefined> {
  try {
    const text = await (await fetch(`http://${pod.status.podIP}:2381/metrics`, { signal: AbortSignal.timeout(3_000) })).text();
    return {
      at: performance.now() / 1000,
      reads: sum(text, /^grpc_server_handled_total\{.*grpc_method="Range"/),
      cpu_s: sum(text, /^process_cpu_(user_|system_)?seconds_total/) / (/^process_cpu_seconds_total/m.test(text) && /^process_cpu_user_seconds_total/m.test(text) ? 2 : 1),
    };
  } catch {
    return undefined;
  }
}

export class Sampler {
  readonly samples: Sample[] = [];
  private readonly store: Store;
  private readonly meter: Meter;
  private readonly from = performance.now();
  private before = new Map<string, Counters>();

  constructor(store: Store, meter: Meter) {
    this.store = store;
    this.meter = meter;
  }

  get t(): number {
    return (performance.now() - this.from) / 1000;
  }

  async look(): Promise<Sample> {
    const [object, pods] = await Promise.all([this.store.get(), this.store.pods()]);
    const counters = await Promise.all(pods.map(async (pod) => [pod, await countersOf(pod)] as const));
    const replicas: Record<string, { reads: number; cpu: number }> = {};
    const now = new Map<string, Counters>();
    for (const [pod, current] of counters) {
      if (current === undefined) continue;
      const id = `${pod.metadata.uid}`;
      now.set(id, current);
      const before = this.before.get(id);
      if (before === undefined) continue;
      const seconds = current.at - before.at;
      replicas[pod.metadata.name] = { reads: Math.max(0, current.reads - before.reads) / seconds, cpu: Math.max(0, current.cpu_s - before.cpu_s) / seconds };
    }
    this.before = now;
    const sample: Sample = { t: this.t, replicas, wanted: object.spec.replicas, ready: object.status?.readyReplicas ?? 0, draining: object.status?.drain?.pod ?? '', writes: this.meter.take() };
    this.samples.push(sample);
    return sample;
  }
}
