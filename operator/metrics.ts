/** The operator's metrics: controller-runtime's and client-go's names where the meaning is the same, so that their dashboards work. */
import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';

/** As controller-runtime's: 5 ms to 60 s. */
const RECONCILE_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];
/** As client-go's workqueue: 10 ns × 10^n, from where Node's clock can tell. */
const QUEUE_SECONDS = [1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1, 10, 100, 1_000];
const DRAIN_SECONDS = [1, 2, 5, 10, 30, 60, 120, 300, 600, 1_800, 3_600];

export type Metrics = ReturnType<typeof createMetrics>;

/** @param processToo also CPU, memory and event loop of the process */
export function createMetrics(processToo: boolean) {
  const registry = new Registry();
  const registers = [registry];
  const controller = ['controller'];
  const queue = ['name', 'controller'];
  const resource = ['namespace', 'name'];
  if (processToo) collectDefaultMetrics({ register: registry });
  return {
    registry,
    reconciles: new Counter({ name: 'controller_runtime_reconcile_total', help: 'Reconciliations, by result: success, error, requeue, requeue_after.', labelNames: ['controller', 'result'], registers }),
    reconcileErrors: new Counter({ name: 'controller_runtime_reconcile_errors_total', help: 'Reconciliations that failed.', labelNames: controller, registers }),
    reconcileSeconds: new Histogram({ name: 'controller_runtime_reconcile_time_seconds', help: 'Time that a reconciliation took.', labelNames: controller, buckets: RECONCILE_SECONDS, registers }),
    activeWorkers: new Gauge({ name: 'controller_runtime_active_workers', help: 'Workers that reconcile now.', labelNames: controller, registers }),
    maxWorkers: new Gauge({ name: 'controller_runtime_max_concurrent_reconciles', help: 'Workers.', labelNames: controller, registers }),
    queueDepth: new Gauge({ name: 'workqueue_depth', help: 'Items that wait.', labelNames: queue, registers }),
    queueAdds: new Counter({ name: 'workqueue_adds_total', help: 'Items that were added.', labelNames: queue, registers }),
    queueSeconds: new Histogram({ name: 'workqueue_queue_duration_seconds', help: 'Time that an item waited.', labelNames: queue, buckets: QUEUE_SECONDS, registers }),
    workSeconds: new Histogram({ name: 'workqueue_work_duration_seconds', help: 'Time that an item took.', labelNames: queue, buckets: QUEUE_SECONDS, registers }),
    queueRetries: new Counter({ name: 'workqueue_retries_total', help: 'Items that were added again after a failure.', labelNames: queue, registers }),
    requests: new Counter({ name: 'rest_client_requests_total', help: 'Requests to the apiserver, by status code, method and host.', labelNames: ['code', 'method', 'host'], registers }),
    leader: new Gauge({ name: 'leader_election_master_status', help: '1 while this operator holds the Lease.', labelNames: ['name'], registers }),
    relists: new Counter({ name: 'edgestore_operator_relists_total', help: 'Full lists of a resource: at start, and when a watch could not be resumed.', labelNames: ['resource'], registers }),
    applies: new Counter({ name: 'edgestore_operator_applies_total', help: 'Objects of EdgeStores: applied, or skipped because nothing would change.', labelNames: ['kind', 'result'], registers }),
    replicaRequests: new Counter({ name: 'edgestore_operator_replica_requests_total', help: 'Questions to replicas, by outcome: ok, refused, unreachable.', labelNames: ['outcome'], registers }),
    edgestores: new Gauge({ name: 'edgestore_resources', help: 'EdgeStores by phase (status.phase).', labelNames: ['phase'], registers }),
    condition: new Gauge({ name: 'edgestore_resource_condition', help: '1 while the condition is True, else 0.', labelNames: [...resource, 'type'], registers }),
    replicas: new Gauge({ name: 'edgestore_resource_replicas', help: 'Replicas of an EdgeStore, by state: desired (wanted), current (pods that exist), ready (that serve).', labelNames: [...resource, 'state'], registers }),
    draining: new Gauge({ name: 'edgestore_resource_draining', help: '1 while a replica is being taken out.', labelNames: resource, registers }),
    drains: new Counter({ name: 'edgestore_operator_drains_total', help: 'Drains that ended, by result: done, cancelled.', labelNames: ['result'], registers }),
    drainSeconds: new Histogram({ name: 'edgestore_operator_drain_duration_seconds', help: 'From the beginning of a drain until the replica was no member any more.', labelNames: [], buckets: DRAIN_SECONDS, registers }),
  };
}
