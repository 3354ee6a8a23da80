/** The operator's page: EdgeStores and their conditions, and how the operator keeps up. */
import type { Dashboard } from './dashboard.ts';
import { lines, number, table } from './panel.ts';

const OF = 'namespace=~"$namespace"';
const RATE = '[$__rate_interval]';

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
        number('Not available', 'none', 'Resources of which no replica serves.', `count(edgestore_resource_condition{${OF}, type="Available"} == 0) or 0 * count(edgestore_resource_condition{${OF}, type="Available"})`, { limits: [1, 1] }),
        number('Degraded', 'none', 'Resources that are not as they should be.', `count(edgestore_resource_condition{${OF}, type="Degraded"} == 1) or 0 * count(edgestore_resource_condition{${OF}, type="Degraded"})`, { limits: [1, 1] }),
        number('Scale-in blocked', 'none', 'Resources of which a replica cannot be drained.', `count(edgestore_resource_condition{${OF}, type="ScaleInBlocked"} == 1) or 0 * count(edgestore_resource_condition{${OF}, type="ScaleInBlocked"})`, { limits: [1, 1] }),
        table('Replicas', 'none', 'Wanted, there, ready.', `sum by (namespace, name, state) (edgestore_resource_replicas{${OF}})`, { height: 8 }),
        table('Conditions', 'none', '1: the condition is true.', `edgestore_resource_condition{${OF}}`, { height: 8 }),
        lines('Replicas', 'none', 'Over time.', { '{{namespace}}/{{name}} {{state}}': `edgestore_resource_replicas{${OF}}` }),
      ],
    },
    {
      title: 'The operator',
      panels: [
        number('Leaders', 'none', 'One of the operator\'s replicas leads; the others wait.', 'sum(leader_election_master_status)', { limits: [1, 0] }),
        lines('Reconciles', 'ops', 'By result.', { '{{controller}} {{result}}': `sum by (controller, result) (rate(controller_runtime_reconcile_total${RATE}))` }),
        lines('Failures', 'ops', 'Reconciles that failed; each is tried again, later and later.', { '{{controller}}': `sum by (controller) (rate(controller_runtime_reconcile_errors_total${RATE}))` }),
        lines('Time of a reconcile, 99th percentile', 's', 'One at a time for each resource.', { '{{controller}}': `histogram_quantile(0.99, sum by (controller, le) (rate(controller_runtime_reconcile_time_seconds_bucket${RATE})))` }),
        lines('Queue', 'short', 'Resources that wait for their turn.', { '{{name}}': 'sum by (name) (workqueue_depth)' }),
        lines('Added to the queue', 'ops', 'An idle operator adds next to nothing.', { '{{name}}': `sum by (name) (rate(workqueue_adds_total${RATE}))` }),
        lines('Requests to the apiserver', 'reqps', 'By method and status.', { '{{method}} {{code}}': `sum by (method, code) (rate(rest_client_requests_total${RATE}))` }),
      ],
    },
  ],
};
