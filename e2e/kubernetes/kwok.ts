/** KWOK's configuration: what its fake nodes and pods do. KWOK brings no behaviour of its own. */

const heartbeat = 40;

const nodeInitialize = {
  apiVersion: 'kwok.x-k8s.io/v1alpha1',
  kind: 'Stage',
  metadata: { name: 'node-initialize' },
  spec: {
    resourceRef: { apiGroup: 'v1', kind: 'Node' },
    selector: { matchExpressions: [{ key: '.status.conditions.[] | select( .type == "Ready" ) | .status', operator: 'NotIn', values: ['True'] }] },
    next: {
      statusTemplate: [
        '{{ $now := Now }}',
        'conditions:',
        '{{ range NodeConditions }}',
        '- { type: {{ .type | Quote }}, status: {{ .status | Quote }}, reason: {{ .reason | Quote }}, message: {{ .message | Quote }}, lastHeartbeatTime: {{ $now | Quote }}, lastTransitionTime: {{ $now | Quote }} }',
        '{{ end }}',
        'addresses: [{ type: InternalIP, address: {{ NodeIP | Quote }} }]',
        'allocatable: { cpu: "32", memory: 256Gi, pods: "110" }',
        'capacity: { cpu: "32", memory: 256Gi, pods: "110" }',
        'phase: Running',
      ].join('\n'),
    },
  },
};

/** @param podIP of every pod, instead of one of its own */
const podReady = (podIP: string | undefined): object => ({
  apiVersion: 'kwok.x-k8s.io/v1alpha1',
  kind: 'Stage',
  metadata: { name: 'pod-ready' },
  spec: {
    resourceRef: { apiGroup: 'v1', kind: 'Pod' },
    selector: {
      matchExpressions: [
        { key: '.metadata.deletionTimestamp', operator: 'DoesNotExist' },
        { key: '.status.phase', operator: 'In', values: ['Pending'] },
      ],
    },
    next: {
      statusTemplate: [
        '{{ $now := Now }}',
        'conditions:',
        '- { type: Initialized, status: "True", lastTransitionTime: {{ $now | Quote }} }',
        '- { type: Ready, status: "True", lastTransitionTime: {{ $now | Quote }} }',
        '- { type: ContainersReady, status: "True", lastTransitionTime: {{ $now | Quote }} }',
        'containerStatuses:',
        '{{ range .spec.containers }}',
        '- { name: {{ .name | Quote }}, image: {{ .image | Quote }}, ready: true, restartCount: 0, state: { running: { startedAt: {{ $now | Quote }} } } }',
        '{{ end }}',
        podIP === undefined ? 'podIP: {{ PodIPWith .spec.nodeName false .metadata.uid .metadata.name .metadata.namespace | Quote }}' : `podIP: ${podIP}`,
        'hostIP: {{ NodeIPWith .spec.nodeName | Quote }}',
        'phase: Running',
        'startTime: {{ $now | Quote }}',
      ].join('\n'),
    },
  },
});

const podDelete = {
  apiVersion: 'kwok.x-k8s.io/v1alpha1',
  kind: 'Stage',
  metadata: { name: 'pod-delete' },
  spec: {
    resourceRef: { apiGroup: 'v1', kind: 'Pod' },
    selector: { matchExpressions: [{ key: '.metadata.deletionTimestamp', operator: 'Exists' }] },
    next: { delete: true },
  },
};

const configuration = {
  apiVersion: 'config.kwok.x-k8s.io/v1alpha1',
  kind: 'KwokConfiguration',
  options: {
    manageAllNodes: true,
    nodeIP: '192.0.2.10',
    cidr: '10.128.0.0/9',
    nodeLeaseDurationSeconds: heartbeat,
    // The default of 4 would be the bottleneck of every measurement.
    podPlayStageParallelism: 32,
    nodePlayStageParallelism: 16,
    nodeLeaseParallelism: 16,
  },
};

/** A pod that others call not ready, because they did not hear of its node, says again what it is, as a kubelet does. */
const podReadyAgain = {
  apiVersion: 'kwok.x-k8s.io/v1alpha1',
  kind: 'Stage',
  metadata: { name: 'pod-ready-again' },
  spec: {
    resourceRef: { apiGroup: 'v1', kind: 'Pod' },
    selector: {
      matchExpressions: [
        { key: '.metadata.deletionTimestamp', operator: 'DoesNotExist' },
        { key: '.status.phase', operator: 'In', values: ['Running'] },
        { key: '.status.conditions.[] | select( .type == "Ready" ) | .status', operator: 'NotIn', values: ['True'] },
      ],
    },
    next: {
      statusTemplate: ['{{ $now := Now }}', 'conditions:', '- { type: Ready, status: "True", lastTransitionTime: {{ $now | Quote }} }'].join('\n'),
    },
  },
};

/** The --config file for the nodes of one cell only, with a heartbeat of `lease_s` / 4. */
export const kwokCellConfig = (cell: string, lease_s: number): string => {
  const { manageAllNodes: _, ...options } = configuration.options;
  const own = { ...configuration, options: { ...options, manageNodesWithLabelSelector: `cell=${cell}`, nodeLeaseDurationSeconds: lease_s } };
  return [own, nodeInitialize, podReady(undefined), podReadyAgain, podDelete].map((document) => JSON.stringify(document)).join('\n---\n');
};

/** A fake node of a cell. */
export const cellNode = (cell: string, index: number): object => {
  const name = `node-${cell}-${index}`;
  return { apiVersion: 'v1', kind: 'Node', metadata: { name, labels: { cell, 'kubernetes.io/hostname': name }, annotations: { 'kwok.x-k8s.io/node': 'fake' } }, spec: {} };
};

/** The --config file of `kwok`: YAML documents, each written as JSON. */
export const kwokConfig = (podIP?: string): string =>
  [configuration, nodeInitialize, podReady(podIP), podDelete].map((document) => JSON.stringify(document)).join('\n---\n');

/** A fake node. */
export const fakeNode = (index: number): object => {
  const name = `kwok-node-${String(index).padStart(3, '0')}`;
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name, labels: { type: 'kwok', 'kubernetes.io/hostname': name, 'kubernetes.io/os': 'linux', 'kubernetes.io/arch': 'amd64' }, annotations: { 'kwok.x-k8s.io/node': 'fake' } },
    spec: {},
  };
};
