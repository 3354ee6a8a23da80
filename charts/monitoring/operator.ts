/** The operator's page: EdgeStores and their conditions, and how the operator keeps up. */
import type { Dashboard } from './dashboard.ts';
import { lines, number, table } from './panel.ts';

const OF = 'namespace=~"$namespace"';
const RATE = '[$__rate_interval]';
/** How many resources have a condition with that value; 0 rather than nothing. */
const having = (type: string, value: 0 | 1): string => `sum(edgestore_resource_condition{${OF}, type="${type}"} == bool ${value})`;
const p99 = (metric: string, by: string): string => `histogram_quantile(0.99, sum by (${by}, le) (rate(${metric}_bucket${RATE})))`;

export const operator: Dashboard = {
  uid: 'edgestore-operator',
  title: 'EdgeStore / Operator',
  description: 'The EdgeStore resources of a cluster, and the operator that looks after them.',
  variables: [{ name: 'namespace', label: 'Namespace', query: 'label_values(edgestore_resource_replicas, namespace)', several: true }],
  rows: [
    {
      title: 'EdgeStores',
      panels: [
        number('EdgeStores', 'none', 'Resources.', `count(edgestore_resource_replicas{${OF}, state="desired"})`),
        number('Not available', 'none', 'Resources of which no replica serves.', having('Available', 0), { limits: [1, 1] }),
        number('Degraded', 'none', 'Resources that are not as they should be.', having('Degraded', 1), { limits: [1, 1] }),
        number('Not synced', 'none', 'Resources of which some replica is behind.', having('Synced', 0), { limits: [1, 2] }),
        number('Scale-in blocked', 'none', 'Resources of which a replica cannot be drained.', having('ScaleInBlocked', 1), { limits: [1, 1] }),
        number('Draining', 'none', 'Replicas that are being taken out: one at a time in each EdgeStore.', `sum(edgestore_resource_draining{${OF}})`),
        lines('Replicas', 'none', 'Wanted, pods that exist, and those that serve.', { '{{namespace}}/{{name}} {{state}}': `edgestore_resource_replicas{${OF}}` }),
        table('Conditions', 'none', '1: the condition is true.', `edgestore_resource_condition{${OF}}`),
        lines('Phases', 'none', 'EdgeStores by phase.', { '{{phase}}': 'sum by (phase) (edgestore_resources)' }),
      ],
    },
    {
      title: 'The operator',
      panels: [
        number('Leaders', 'none', 'One of the operator\'s replicas leads; the others wait.', 'sum(leader_election_master_status)', { limits: [1, 0] }),
        number('Wait in the queue', 's', '99th percentile.', p99('workqueue_queue_duration_seconds', 'name'), { limits: [1, 10] }),
        lines('Reconciles', 'ops', 'By result.', { '{{controller}} {{result}}': `sum by (controller, result) (rate(controller_runtime_reconcile_total${RATE}))` }),
        lines('Failures', 'ops', 'Reconciles that failed; each is tried again, later and later.', { '{{controller}}': `sum by (controller) (rate(controller_runtime_reconcile_errors_total${RATE}))` }),
        lines('Time of a reconcile, 99th percentile', 's', 'One at a time for each resource.', { '{{controller}}': p99('controller_runtime_reconcile_time_seconds', 'controller') }),
        lines('Queue', 'short', 'Resources that wait for their turn.', { '{{name}}': 'sum by (name) (workqueue_depth)' }),
        lines('Requests to the apiserver', 'reqps', 'By method and status.', { '{{method}} {{code}}': `sum by (method, code) (rate(rest_client_requests_total${RATE}))` }),
        lines('Objects', 'ops', 'Applied, and skipped because nothing would change. An idle operator applies nothing.', { '{{kind}} {{result}}': `sum by (kind, result) (rate(edgestore_operator_applies_total${RATE}))` }),
        lines('Questions to replicas', 'ops', 'By outcome.', { '{{outcome}}': `sum by (outcome) (rate(edgestore_operator_replica_requests_total${RATE}))` }),
        lines('Lists', 'ops', 'Full lists of a resource: at start, and when a watch could not be resumed.', { '{{resource}}': `sum by (resource) (rate(edgestore_operator_relists_total${RATE}))` }),
      ],
    },
  ],
};
