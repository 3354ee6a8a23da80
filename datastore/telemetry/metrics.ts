/**
 * Counting and exposing. On the hot path a counter is a number in an object and a histogram an array: text is made when somebody scrapes.
 * prom-client brings the format and the process's own metrics.
 */
import { Registry, collectDefaultMetrics } from 'prom-client';
import type { Metric } from 'prom-client';
import { definitions } from './definitions.ts';
import type { Definition, MetricName } from './definitions.ts';

/** Label values, in the order of the definition's labels, and the figure. */
export type Sample = readonly [labels: readonly string[], value: number];

/** A counter without labels. */
export interface Counter {
  value: number;
}

/** Counts of observations by bucket; `observe` is a short loop over a small array. */
export class Histogram {
  private readonly bounds: readonly number[];
  private readonly counts: Float64Array;
  private sum = 0;

  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.counts = new Float64Array(bounds.length + 1);
  }

  observe(value: number): void {
    const { bounds, counts } = this;
    let i = 0;
    while (i < bounds.length && value > (bounds[i] as number)) i++;
    counts[i] = (counts[i] as number) + 1;
    this.sum += value;
  }

  /** As Prometheus wants them: cumulative, with +Inf, sum and count. */
  samples(name: string, labels: Record<string, string>): { metricName: string; labels: Record<string, string>; value: number }[] {
    let total = 0;
    const buckets = [...this.counts].map((count, i) => {
      total += count;
      return { metricName: `${name}_bucket`, labels: { ...labels, le: String(this.bounds[i] ?? '+Inf') }, value: total };
    });
    return [...buckets, { metricName: `${name}_sum`, labels, value: this.sum }, { metricName: `${name}_count`, labels, value: total }];
  }
}

type Values = { metricName?: string; labels: Record<string, string>; value: number }[];

function labelled(definition: Definition, values: readonly string[]): Record<string, string> {
  if (values.length !== definition.labels.length) throw new Error(`${definition.name}: ${values.length} label values, not ${definition.labels.length}`);
  return Object.fromEntries(definition.labels.map((label, i) => [label, values[i] as string]));
}

/** The metrics of one replica. */
export class Metrics {
  private readonly registry = new Registry();
  private readonly known: Readonly<Record<string, Definition>>;

  constructor(known: Readonly<Record<string, Definition>> = definitions) {
    this.known = known;
  }

  /** Adds CPU, memory, file descriptors, garbage collection and the event loop's delay of this process. Once per process. */
  withProcess(): this {
    collectDefaultMetrics({ register: this.registry });
    return this;
  }

  /** Names that something provides. */
  get provided(): string[] {
    return this.registry.getMetricsAsArray().map((metric) => (metric as unknown as { name: string }).name);
  }

  get contentType(): string {
    return this.registry.contentType;
  }

  /** The exposition text. */
  text(): Promise<string> {
    return this.registry.metrics();
  }

  /** A figure that is read when somebody scrapes. */
  read(name: MetricName, value: () => number): void {
    this.add(name, () => [{ labels: {}, value: value() }]);
  }

  /** The same with labels. */
  readEach(name: MetricName, samples: () => Iterable<Sample>): void {
    const definition = this.definition(name);
    this.add(name, () => Array.from(samples(), ([labels, value]) => ({ labels: labelled(definition, labels), value })));
  }

  /** 1 with fixed labels: what the labels say is the information. */
  info(name: MetricName, ...labels: readonly string[]): void {
    this.readEach(name, () => [[labels, 1]]);
  }

  counter(name: MetricName): Counter {
    const counter = { value: 0 };
    this.read(name, () => counter.value);
    return counter;
  }

  histogram(name: MetricName): Histogram {
    const histogram = new Histogram(this.definition(name).buckets ?? []);
    this.add(name, () => histogram.samples(name, {}));
    return histogram;
  }

  /** Histograms that share a name, each with labels of its own. */
  histograms(name: MetricName, each: () => Iterable<readonly [labels: readonly string[], histogram: Histogram]>): void {
    const definition = this.definition(name);
    this.add(name, () => Array.from(each(), ([labels, histogram]) => histogram.samples(name, labelled(definition, labels))).flat());
  }

  bounds(name: MetricName): readonly number[] {
    return this.definition(name).buckets ?? [];
  }

  private definition(name: MetricName): Definition {
    const definition = this.known[name];
    if (definition === undefined) throw new Error(`metric ${name} is not in the table`);
    return definition;
  }

  private add(name: MetricName, values: () => Values): void {
    const { type, help } = this.definition(name);
    // What prom-client asks of a metric is `get`; a name that is there already is refused by it.
    const metric = { name, help, type, aggregator: 'sum', reset() {}, get: () => Promise.resolve({ name, help, type, aggregator: 'sum', values: values() }) };
    this.registry.registerMetric(metric as unknown as Metric);
  }
}
