/** The chart's values, once: values.yaml, values.schema.json and the chart's README are made from this. */
import { choice, count, flag, group, kubernetes, list, text, texts } from './value.ts';

const name = { pattern: '^[a-z0-9]([-a-z0-9]*[a-z0-9])?$', maxLength: 63 };
const duration = { pattern: '^([0-9]+(ms|s|m|h|d))+$' };

export const values = group('', {
  nameOverride: text('Instead of the chart\'s name, in the names of what is made.'),
  fullnameOverride: text('Instead of release and chart name.'),
  commonLabels: texts('On everything that is made.'),

  image: group('The image, of the operator and of replicas whose EdgeStore names none.', {
    repository: text('', 'edgestore.dev/edgestore', { minLength: 1 }),
    tag: text('Default: the chart\'s appVersion.'),
    digest: text('sha256:…; wins over the tag.', '', { pattern: '^$|^sha256:[0-9a-f]{64}$' }),
    pullPolicy: choice('', ['Always', 'IfNotPresent', 'Never'], 'IfNotPresent'),
    pullSecrets: list('Names of Secrets, of the operator\'s pods. Those of replicas are in the EdgeStore.', { type: 'object', required: ['name'], additionalProperties: false, properties: { name: { type: 'string', minLength: 1 } } }),
  }),

  crds: group('The CustomResourceDefinitions.', {
    enabled: flag('Install and upgrade them with the chart. Without them nothing works; off is for those who install them otherwise.', true),
    keep: flag('`helm uninstall` leaves them. If they went, so would every EdgeStore.', true),
  }),

  operator: group('The operator.', {
    replicas: count('One leads, the others wait. EdgeStores serve without any.', 2, 0),
    namespaces: list('Namespaces that it looks after: then it has a Role in each instead of a ClusterRole. Empty: all.', { type: 'string', ...name }),
    replicaImage: text('Image of replicas whose EdgeStore names none. Default: `image`.'),
    clusterDomain: text('The DNS domain of the cluster.', 'cluster.local', { minLength: 1 }),
    workers: count('EdgeStores that are reconciled at the same time.', 4, 1),
    logLevel: choice('', ['debug', 'info', 'warn', 'error'], 'info'),
    extraArgs: list('More flags: `edgestore-operator --help`.', { type: 'string', pattern: '^--[a-z]' }),
    extraEnv: list('More of the environment, as in Kubernetes.', { type: 'object', required: ['name'] }),
    resources: kubernetes('', { requests: { cpu: '50m', memory: '128Mi' }, limits: { memory: '384Mi' } }),
    podLabels: texts(''),
    podAnnotations: texts(''),
    priorityClassName: text(''),
    nodeSelector: texts(''),
    tolerations: kubernetes('', []),
    affinity: kubernetes('Default: the operator\'s pods rather not on one node.'),
    topologySpreadConstraints: kubernetes('A missing labelSelector selects the operator\'s pods.', []),
    podDisruptionBudget: group('', { enabled: flag('Only made with several replicas.', true) }),
  }),

  serviceAccount: group('', {
    create: flag('', true),
    name: text('Default: made from the release.'),
    annotations: texts(''),
  }),

  rbac: group('', {
    create: flag('The roles that the operator needs, and their bindings.', true),
    aggregate: flag('EdgeStores in the cluster\'s own roles view, edit and admin.', true),
  }),

  metrics: group('The operator\'s metrics. Those of replicas: `spec.monitoring` of an EdgeStore.', {
    port: count('', 8080, 1, 65_535),
    service: group('', { enabled: flag('A Service for the metrics port.', false), annotations: texts('') }),
    serviceMonitor: group('For the Prometheus operator. Needs the Service.', { enabled: flag('', false), interval: text('', '30s', duration), labels: texts('By which a Prometheus selects it.') }),
    podMonitor: group('For the Prometheus operator; instead of the ServiceMonitor.', { enabled: flag('', false), interval: text('', '30s', duration), labels: texts('By which a Prometheus selects it.') }),
  }),

  prometheusRule: group('The alerts, for the Prometheus operator.', {
    enabled: flag('', false),
    labels: texts('By which a Prometheus selects it.'),
    runbookUrl: text('Where you serve docs/runbooks: `/NAME.md` is added. Empty: alerts name the file in the repository.', '', { pattern: '^(https?://.*)?$' }),
    disabled: list('Names of alerts to leave out.', { type: 'string' }),
  }),

  dashboards: group('ConfigMaps with dashboards, as Grafana\'s sidecar takes them.', {
    enabled: flag('', false),
    labels: texts('', { grafana_dashboard: '1' }),
    annotations: texts('For example `grafana_folder`.'),
    namespace: text('Default: the release\'s.'),
  }),

  networkPolicy: group('', {
    enabled: flag('Only the metrics port may be reached; out: DNS, apiserver, replicas.', false),
    apiserverPorts: list('Ports of the apiserver.', { type: 'integer', minimum: 1, maximum: 65_535 }, [443, 6443]),
    metricsFrom: kubernetes('Who may read the metrics, as `from` in Kubernetes. Default: everybody.', []),
  }),

  test: group('`helm test`: makes an EdgeStore, puts at each replica and reads at all others.', {
    replicas: count('', 2, 1, 7),
    endpoints: list('Client endpoints of a store that is there already; then none is made.', { type: 'string', minLength: 1 }),
    storageClassName: text('Default: the cluster\'s.'),
    size: text('', '128Mi', { minLength: 1 }),
    timeoutSeconds: count('For the store to come and to converge.', 240, 10),
  }),
});
