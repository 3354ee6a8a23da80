/** Metrics of gRPC calls, with the names and labels of go-grpc-prometheus, as etcd's. */
import type { Code } from '../errors.ts';
import { Histogram } from './metrics.ts';
import type { Metrics, Sample } from './metrics.ts';

/** What names a method; the same object for every call of it. */
export interface MethodInfo {
  /** `etcdserverpb.KV`. */
  readonly service: string;
  readonly name: string;
  readonly type: 'unary' | 'server_stream' | 'bidi_stream';
}

/** Status codes as gRPC's Go library spells them. */
const CODES = ['OK', 'Canceled', 'Unknown', 'InvalidArgument', 'DeadlineExceeded', 'NotFound', 'AlreadyExists', 'PermissionDenied', 'ResourceExhausted',
  'FailedPrecondition', 'Aborted', 'OutOfRange', 'Unimplemented', 'Internal', 'Unavailable', 'DataLoss', 'Unauthenticated'] as const;

class MethodFigures {
  started = 0;
  received = 0;
  sent = 0;
  readonly handled = new Float64Array(CODES.length);
  readonly seconds: Histogram | undefined;
  readonly labels: readonly string[];

  constructor({ type, service, name }: MethodInfo, bounds: readonly number[] | undefined) {
    this.labels = [type, service, name];
    this.seconds = bounds && new Histogram(bounds);
  }
}

/** Told of every call; see `CallObserver` in api/. */
export class CallMetrics {
  private readonly methods = new Map<MethodInfo, MethodFigures>();
  private readonly bounds: readonly number[] | undefined;
  private receivedBytes = 0;
  private sentBytes = 0;

  /** @param extensive also measure how long calls take (--metrics extensive). */
  constructor(metrics: Metrics, extensive: boolean) {
    this.bounds = extensive ? metrics.bounds('grpc_server_handling_seconds') : undefined;
    const each = (value: (figures: MethodFigures) => number) => (): Sample[] => [...this.methods.values()].map((figures) => [figures.labels, value(figures)]);
    metrics.readEach('grpc_server_started_total', each((figures) => figures.started));
    metrics.readEach('grpc_server_msg_received_total', each((figures) => figures.received));
    metrics.readEach('grpc_server_msg_sent_total', each((figures) => figures.sent));
    metrics.readEach('grpc_server_handled_total', () => this.handledSamples());
    metrics.read('etcd_network_client_grpc_received_bytes_total', () => this.receivedBytes);
    metrics.read('etcd_network_client_grpc_sent_bytes_total', () => this.sentBytes);
    if (extensive) {
      metrics.histograms('grpc_server_handling_seconds', () =>
        [...this.methods.values()].flatMap(({ labels, seconds }) => (seconds === undefined ? [] : [[labels, seconds] as const])));
    }
  }

  /** Makes a method's series exist at 0, so that a rate over its first calls is right. */
  declare(methods: Iterable<MethodInfo>): void {
    for (const method of methods) this.figures(method);
  }

  started(method: MethodInfo): void {
    this.figures(method).started++;
  }

  handled(method: MethodInfo, code: Code, seconds: number): void {
    const { handled, seconds: histogram } = this.figures(method);
    handled[code] = (handled[code] ?? 0) + 1;
    histogram?.observe(seconds);
  }

  received(method: MethodInfo, bytes: number): void {
    this.figures(method).received++;
    this.receivedBytes += bytes;
  }

  sent(method: MethodInfo, bytes: number): void {
    this.figures(method).sent++;
    this.sentBytes += bytes;
  }

  private figures(method: MethodInfo): MethodFigures {
    let figures = this.methods.get(method);
    if (figures === undefined) {
      figures = new MethodFigures(method, this.bounds);
      this.methods.set(method, figures);
    }
    return figures;
  }

  /** Only the statuses that occurred, and OK: 17 series for each of 50 methods would say nothing more. */
  private handledSamples(): Sample[] {
    return [...this.methods.values()].flatMap(({ labels, handled }) =>
      CODES.flatMap((code, i): Sample[] => (i === 0 || (handled[i] ?? 0) > 0 ? [[[...labels, code], handled[i] ?? 0]] : [])));
  }
}
