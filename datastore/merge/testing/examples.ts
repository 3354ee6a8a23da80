/** An example for each row of the table in docs/merging.md: what two sides that are cut apart do to one object, and what becomes of it. */
import type { MergeRule } from '../decision.ts';
import type { Changes } from './changes.ts';

export interface Example {
  /** The row, as docs/merging.md names it. */
  readonly row: string;
  /** Each is taken as it is stored, in JSON and in protobuf. */
  readonly kinds: readonly string[];
  readonly what: string;
  /** Before they are cut apart. */
  readonly base?: Changes;
  /** null: deletes it. */
  readonly here: Changes | null;
  /** The later of the two. */
  readonly there: Changes | null;
  /** null: the key is gone. */
  readonly shows: Changes | null;
  /** By which something was lost; none if left out. */
  readonly rules?: readonly MergeRule[];
}

const owner = (uid: string, controller: boolean): object => ({ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: uid, uid, controller, blockOwnerDeletion: true });
const container = (name: string, image: string): object => ({ name, image });
const condition = (type: string, status: string): object => ({ type, status });
const manager = (name: string, time: string): object => ({ manager: name, operation: 'Update', apiVersion: 'v1', time });
const user = (name: string): object => ({ kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name });
const may = (verb: string): object => ({ verbs: [verb], apiGroups: [''], resources: ['pods'] });
const main = 'spec/template/spec/containers/[c]';

const byField = ['apps/Deployment', 'apps/StatefulSet', 'Pod', 'Service', 'Node', 'ConfigMap', 'Secret'] as const;

/** Some of the corpus are immutable, or on their way out. */
const bare = { immutable: undefined, 'metadata/deletionTimestamp': undefined, 'metadata/deletionGracePeriodSeconds': undefined };

const metadata: Example[] = [
  {
    row: 'metadata, all kinds', kinds: byField, what: 'labels and annotations by key',
    base: { ...bare, 'metadata/labels': { both: '0', gone: '0' }, 'metadata/annotations': { note: '0' } },
    here: { 'metadata/labels/here': '1', 'metadata/labels/both': '1', 'metadata/labels/gone': undefined, 'metadata/annotations/here': '1' },
    there: { 'metadata/labels/there': '2', 'metadata/labels/both': '2', 'metadata/annotations/note': '2' },
    shows: { 'metadata/labels': { both: '2', here: '1', there: '2' }, 'metadata/annotations': { here: '1', note: '2' } },
    rules: ['field'],
  },
  {
    row: 'metadata, all kinds', kinds: byField, what: 'finalizers as a set: what one side took away stays away, what another added stays',
    base: { ...bare, 'metadata/finalizers': ['example.test/old', 'example.test/kept'] },
    here: { 'metadata/finalizers/[example.test/old]': undefined }, there: { 'metadata/finalizers/[+]': 'example.test/new' },
    shows: { 'metadata/finalizers': ['example.test/kept', 'example.test/new'] },
  },
  {
    row: 'metadata, all kinds', kinds: byField, what: 'deletionTimestamp, once set, stays: the earliest, with the smallest grace',
    base: { ...bare, 'metadata/finalizers': ['example.test/f'] },
    here: { 'metadata/deletionTimestamp': '2026-01-02T00:00:01Z', 'metadata/deletionGracePeriodSeconds': 30 },
    there: { 'metadata/deletionTimestamp': '2026-01-02T00:00:09Z', 'metadata/deletionGracePeriodSeconds': 0 },
    shows: { 'metadata/deletionTimestamp': '2026-01-02T00:00:01Z', 'metadata/deletionGracePeriodSeconds': 0 },
    rules: ['earliest', 'smallest'],
  },
  {
    row: 'metadata, all kinds', kinds: byField, what: 'an edit that did not know of the deletion does not take it back',
    base: { ...bare, 'metadata/finalizers': ['example.test/f'] },
    here: { 'metadata/deletionTimestamp': '2026-01-02T00:00:01Z', 'metadata/deletionGracePeriodSeconds': 0 }, there: { 'metadata/labels': { a: 'b' } },
    shows: { 'metadata/deletionTimestamp': '2026-01-02T00:00:01Z', 'metadata/labels': { a: 'b' } },
  },
  {
    row: 'metadata, all kinds', kinds: byField, what: 'owners by uid, but one controller: the later claim',
    base: { ...bare, 'metadata/ownerReferences': [owner('first', false)] },
    here: { 'metadata/ownerReferences/[+]': owner('here', true) }, there: { 'metadata/ownerReferences/[+]': owner('there', true) },
    shows: { 'metadata/ownerReferences': [owner('first', false), owner('there', true)] },
    rules: ['controller'],
  },
  {
    row: 'metadata, all kinds', kinds: ['apps/Deployment', 'apps/DaemonSet'], what: 'a spec that neither side had is a new generation',
    base: { 'metadata/generation': 4 },
    here: { 'metadata/generation': 6, 'spec/minReadySeconds': 9 }, there: { 'metadata/generation': 5, 'spec/revisionHistoryLimit': 9 },
    shows: { 'metadata/generation': 7 },
  },
  {
    row: 'metadata, all kinds', kinds: ['apps/Deployment', 'apps/DaemonSet'], what: 'a spec that one side had keeps its generation',
    base: { 'metadata/generation': 4 }, here: { 'metadata/generation': 5, 'spec/minReadySeconds': 9 }, there: { 'metadata/labels': { a: 'b' } },
    shows: { 'metadata/generation': 5 },
  },
  {
    row: 'metadata, all kinds', kinds: byField, what: 'managedFields by manager',
    base: { ...bare, 'metadata/managedFields': [manager('old', '2026-01-01T00:00:00Z')] },
    here: { 'metadata/managedFields/[+]': manager('here', '2026-01-02T00:00:00Z') }, there: { 'metadata/managedFields/[old]/time': '2026-01-03T00:00:00Z' },
    shows: { 'metadata/managedFields': [manager('old', '2026-01-03T00:00:00Z'), manager('here', '2026-01-02T00:00:00Z')] },
  },
];

const entries: Example[] = [
  {
    row: 'metadata, all kinds', kinds: byField, what: 'an entry of managedFields is one thing', base: { ...bare, 'metadata/managedFields': [manager('m', '2026-01-01T00:00:00Z')] },
    here: { 'metadata/managedFields/[m]/fieldsType': 'FieldsV1' }, there: { 'metadata/managedFields/[m]/time': '2026-01-03T00:00:00Z' },
    shows: { 'metadata/managedFields': [manager('m', '2026-01-03T00:00:00Z')], 'metadata/managedFields/[m]/fieldsType': undefined }, rules: ['field'],
  },
  {
    row: 'metadata, all kinds', kinds: byField, what: 'an owner is one thing', base: { ...bare, 'metadata/ownerReferences': [owner('first', false)] },
    here: { 'metadata/ownerReferences/[first]/controller': true }, there: { 'metadata/ownerReferences/[first]/blockOwnerDeletion': false },
    shows: { 'metadata/ownerReferences': [{ ...owner('first', false), blockOwnerDeletion: false }] }, rules: ['field'],
  },
  {
    row: 'status, all kinds', kinds: ['apps/Deployment', 'batch/Job', 'Node', 'Pod', 'custom'], what: 'a condition is one thing: its reason fits its status', base: { 'status/conditions': [condition('Ready', 'Unknown')] },
    here: { 'status/conditions/[Ready]/status': 'True' }, there: { 'status/conditions/[Ready]/reason': 'There' }, shows: { 'status/conditions': [{ ...condition('Ready', 'Unknown'), reason: 'There' }] }, rules: ['field'],
  },
];

const ends: Example[] = [
  {
    row: 'ends', kinds: ['apps/Deployment', 'Pod', 'Secret', 'PersistentVolumeClaim', 'PersistentVolume', 'apiextensions.k8s.io/CustomResourceDefinition', 'custom'], what: 'told to end here, its last finalizer taken away there: it is gone',
    base: { ...bare, 'metadata/finalizers': ['example.test/f'] },
    here: { 'metadata/deletionTimestamp': '2026-01-02T00:00:01Z', 'metadata/deletionGracePeriodSeconds': 0 }, there: { 'metadata/finalizers': undefined }, shows: null, rules: [],
  },
];

const status = ([['apps/Deployment', 'replicas'], ['batch/Job', 'active'], ['autoscaling/HorizontalPodAutoscaler', 'currentReplicas'], ['ReplicationController', 'replicas']] as const).map(([kind, count]): Example => ({
  row: 'status, all kinds', kinds: [kind], what: 'conditions by type, the rest from one side',
  base: { 'status/conditions': [condition('Ready', 'Unknown')], [`status/${count}`]: 1 },
  here: { 'status/conditions/[Ready]/status': 'True', [`status/${count}`]: 7 }, there: { 'status/conditions/[+]': condition('Available', 'True'), [`status/${count}`]: 3 },
  shows: { 'status/conditions': [condition('Ready', 'True'), condition('Available', 'True')], [`status/${count}`]: 3 },
  rules: ['unit'],
}));

const WORKLOADS = 'Deployment, ReplicaSet, StatefulSet, DaemonSet, Job, CronJob, HorizontalPodAutoscaler, Ingress';
const counted = ['apps/Deployment', 'apps/ReplicaSet', 'apps/StatefulSet', 'ReplicationController'];
const templated = [...counted, 'apps/DaemonSet', 'batch/Job'];

/** The template is made small and the same for all. */
const small = { 'spec/template/spec': { containers: [container('c', 'example.test/c:1'), container('side', 'example.test/side:1')] } };

const workloads: Example[] = [
  {
    row: WORKLOADS, kinds: counted, what: 'image changed here, scaled there: both', base: { ...small, 'spec/replicas': 2 },
    here: { [`${main}/image`]: 'example.test/c:2' }, there: { 'spec/replicas': 5 }, shows: { [`${main}/image`]: 'example.test/c:2', 'spec/replicas': 5 },
  },
  { row: WORKLOADS, kinds: counted, what: 'scaled on both sides: the larger', base: { 'spec/replicas': 2 }, here: { 'spec/replicas': 5 }, there: { 'spec/replicas': 1 }, shows: { 'spec/replicas': 5 }, rules: ['largest'] },
  { row: WORKLOADS, kinds: ['batch/Job'], what: 'parallelism: the larger', base: { 'spec/parallelism': 2 }, here: { 'spec/parallelism': 5 }, there: { 'spec/parallelism': 1 }, shows: { 'spec/parallelism': 5 }, rules: ['largest'] },
  {
    row: WORKLOADS, kinds: templated, what: 'containers by name: one changed here, one taken away and one added there', base: small,
    here: { [`${main}/image`]: 'example.test/c:2' }, there: { 'spec/template/spec/containers/[side]': undefined, 'spec/template/spec/containers/[+]': container('new', 'example.test/new:1') },
    shows: { 'spec/template/spec/containers': [container('c', 'example.test/c:2'), container('new', 'example.test/new:1')] },
  },
  {
    row: WORKLOADS, kinds: templated, what: 'what a volume is, is one thing', base: { ...small, 'spec/template/spec/volumes': [{ name: 'v', emptyDir: {} }] },
    here: { 'spec/template/spec/volumes/[v]': { name: 'v', hostPath: { path: '/here' } } }, there: { 'spec/template/spec/volumes/[v]': { name: 'v', configMap: { name: 'there' } } },
    shows: { 'spec/template/spec/volumes': [{ name: 'v', configMap: { name: 'there' } }] }, rules: ['unit'],
  },
  ...['livenessProbe', 'readinessProbe', 'startupProbe'].map((probe): Example => ({
    row: WORKLOADS, kinds: templated, what: `a ${probe} is one thing`, base: { ...small, [`${main}/${probe}`]: { tcpSocket: { port: 1 }, periodSeconds: 1 } },
    here: { [`${main}/${probe}/periodSeconds`]: 7 }, there: { [`${main}/${probe}`]: { exec: { command: ['ok'] }, periodSeconds: 1 } },
    shows: { [`${main}/${probe}`]: { exec: { command: ['ok'] }, periodSeconds: 1 } }, rules: ['field'],
  })),
  ...[main, 'spec/template/spec/initContainers/[init]'].map((at): Example => ({
    row: WORKLOADS, kinds: templated, what: `a variable is one thing: a value, or where it comes from (${at.split('/').at(-2)})`,
    base: { ...small, 'spec/template/spec/initContainers': [container('init', 'example.test/init:1')], [`${at}/env`]: [{ name: 'X', value: '0' }] },
    here: { [`${at}/env/[X]/value`]: '1' }, there: { [`${at}/env/[X]`]: { name: 'X', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } } },
    shows: { [`${at}/env`]: [{ name: 'X', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } }] }, rules: ['field'],
  })),
  {
    row: WORKLOADS, kinds: ['apps/Deployment'], what: 'the strategy is one thing', base: { 'spec/strategy': { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1 } } },
    here: { 'spec/strategy/rollingUpdate/maxSurge': 2 }, there: { 'spec/strategy': { type: 'Recreate' } }, shows: { 'spec/strategy': { type: 'Recreate' } }, rules: ['field'],
  },
  {
    row: WORKLOADS, kinds: ['apps/DaemonSet', 'apps/StatefulSet'], what: 'the update strategy is one thing', base: { 'spec/updateStrategy': { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 1 } } },
    here: { 'spec/updateStrategy/rollingUpdate/maxUnavailable': 2 }, there: { 'spec/updateStrategy': { type: 'OnDelete' } }, shows: { 'spec/updateStrategy': { type: 'OnDelete' } }, rules: ['field'],
  },
  {
    row: WORKLOADS, kinds: ['apps/StatefulSet'], what: 'volumeClaimTemplates are one thing', base: { 'spec/volumeClaimTemplates': [{ metadata: { name: 'data' } }] },
    here: { 'spec/volumeClaimTemplates/[+]': { metadata: { name: 'here' } } }, there: { 'spec/volumeClaimTemplates/[+]': { metadata: { name: 'there' } } },
    shows: { 'spec/volumeClaimTemplates': [{ metadata: { name: 'data' } }, { metadata: { name: 'there' } }] }, rules: ['field'],
  },
  {
    row: WORKLOADS, kinds: ['apps/Deployment', 'apps/ReplicaSet'], what: 'the selector is one thing: with the labels of the other side\'s template it would be refused', base: { ...small, 'spec/selector': { matchLabels: { app: 'x' } }, 'spec/template/metadata/labels': { app: 'x' } },
    here: { 'spec/selector/matchLabels/app': 'here', 'spec/template/metadata/labels/app': 'here' }, there: { 'spec/selector': { matchLabels: { other: 'there' } }, 'spec/template/metadata/labels': { other: 'there' } },
    shows: { 'spec/selector': { matchLabels: { other: 'there' } } }, rules: ['field'],
  },
  {
    row: WORKLOADS, kinds: ['batch/CronJob'], what: 'schedule changed here, suspended there: both', here: { 'spec/schedule': '1 * * * *' }, there: { 'spec/suspend': false, 'spec/jobTemplate/spec/parallelism': 3 },
    shows: { 'spec/schedule': '1 * * * *', 'spec/suspend': false, 'spec/jobTemplate/spec/parallelism': 3 },
  },
  {
    row: WORKLOADS, kinds: ['batch/CronJob'], what: 'parallelism of its jobs: the larger; containers by name', base: { 'spec/jobTemplate/spec/parallelism': 2 },
    here: { 'spec/jobTemplate/spec/parallelism': 5 }, there: { 'spec/jobTemplate/spec/parallelism': 1, 'spec/jobTemplate/spec/template/spec/containers/[c]/image': 'example.test/c:2' },
    shows: { 'spec/jobTemplate/spec/parallelism': 5, 'spec/jobTemplate/spec/template/spec/containers/[c]/image': 'example.test/c:2' }, rules: ['largest'],
  },
  {
    row: WORKLOADS, kinds: ['batch/CronJob'], what: 'the selector of its jobs is one thing', base: { 'spec/jobTemplate/spec/selector': { matchLabels: { app: 'x' } }, 'spec/jobTemplate/spec/template/metadata/labels': { app: 'x', other: 'there' } },
    here: { 'spec/jobTemplate/spec/selector/matchLabels/here': 'x' }, there: { 'spec/jobTemplate/spec/selector/matchLabels': { other: 'there' } },
    shows: { 'spec/jobTemplate/spec/selector': { matchLabels: { other: 'there' } } }, rules: ['field'],
  },
  {
    row: WORKLOADS, kinds: ['autoscaling/HorizontalPodAutoscaler'], what: 'the larger bounds', base: { 'spec/minReplicas': 2, 'spec/maxReplicas': 10 },
    here: { 'spec/minReplicas': 4, 'spec/maxReplicas': 12 }, there: { 'spec/minReplicas': 3, 'spec/maxReplicas': 20 }, shows: { 'spec/minReplicas': 4, 'spec/maxReplicas': 20 }, rules: ['largest'],
  },
  {
    row: WORKLOADS, kinds: ['autoscaling/HorizontalPodAutoscaler'], what: 'what it scales is one thing', base: { 'spec/scaleTargetRef': { kind: 'Deployment', name: 'x', apiVersion: 'apps/v1' } },
    here: { 'spec/scaleTargetRef/name': 'here' }, there: { 'spec/scaleTargetRef': { kind: 'StatefulSet', name: 'x', apiVersion: 'apps/v1' } },
    shows: { 'spec/scaleTargetRef': { kind: 'StatefulSet', name: 'x', apiVersion: 'apps/v1' } }, rules: ['field'],
  },
  {
    row: WORKLOADS, kinds: ['networking.k8s.io/Ingress'], what: 'class changed here, default backend there: both', here: { 'spec/ingressClassName': 'here' }, there: { 'spec/defaultBackend': { service: { name: 'there', port: { number: 80 } } } },
    shows: { 'spec/ingressClassName': 'here', 'spec/defaultBackend': { service: { name: 'there', port: { number: 80 } } } },
  },
  {
    row: WORKLOADS, kinds: ['networking.k8s.io/Ingress'], what: 'rules are one thing', here: { 'spec/rules/[0]/host': 'here.test' }, there: { 'spec/rules/[+]': { host: 'there.test' } }, shows: { 'spec/rules/[0]/host': 'a.test', 'spec/rules/[1]/host': 'there.test' }, rules: ['field'],
  },
];

const pods: Example[] = [
  {
    row: 'Pod', kinds: ['Pod'], what: 'bound here, labelled there: both', base: { 'spec/nodeName': undefined }, here: { 'spec/nodeName': 'here' }, there: { 'metadata/labels/there': 'x' },
    shows: { 'spec/nodeName': 'here', 'metadata/labels/there': 'x' },
  },
  {
    row: 'Pod', kinds: ['Pod'], what: 'the spec is one thing', here: { 'spec/containers/[main]/image': 'example.test/here' }, there: { 'spec/activeDeadlineSeconds': 5 },
    shows: { 'spec/containers/[main]/image': 'example.test/main:1', 'spec/activeDeadlineSeconds': 5 }, rules: ['field'],
  },
  {
    row: 'Pod', kinds: ['Pod'], what: 'bound to different nodes: whole', base: { 'spec/nodeName': undefined }, here: { 'spec/nodeName': 'here', 'metadata/labels/here': 'x' }, there: { 'spec/nodeName': 'there' },
    shows: { 'spec/nodeName': 'there', 'metadata/labels/here': undefined }, rules: ['whole'],
  },
];

/** Fields of a Service that one side's controllers have fitted to each other. */
const together = {
  clusterIP: '10.96.0.7', clusterIPs: ['10.96.0.7'], externalIPs: ['198.51.100.9'], externalName: 'here.test', type: 'NodePort', healthCheckNodePort: 30999, ipFamilies: ['IPv4'], ipFamilyPolicy: 'SingleStack',
  loadBalancerIP: '198.51.100.1', loadBalancerClass: 'here.test/c', allocateLoadBalancerNodePorts: true, externalTrafficPolicy: 'Local', internalTrafficPolicy: 'Local',
};

const services: Example[] = [
  { row: 'Service', kinds: ['Service'], what: 'selector by key', here: { 'spec/selector/here': 'x' }, there: { 'spec/selector/there': 'x' }, shows: { 'spec/selector': { app: 'full', here: 'x', there: 'x' } } },
  {
    row: 'Service', kinds: ['Service'], what: 'addresses and ports are one thing: a port here with a type there would be neither\'s', base: { 'spec/ports': [{ name: 'http', port: 80, nodePort: 30080 }] },
    here: { 'spec/ports': [{ name: 'http', port: 80, nodePort: 31111 }] }, there: { 'spec/type': 'ClusterIP', 'spec/ports': [{ name: 'http', port: 80 }] },
    shows: { 'spec/type': 'ClusterIP', 'spec/ports': [{ name: 'http', port: 80 }] }, rules: ['unit'],
  },
  ...Object.entries(together).map(([field, value]): Example => ({
    row: 'Service', kinds: ['Service'], what: `${field} goes with addresses and ports`, base: { [`spec/${field}`]: undefined, 'spec/ports': [{ name: 'http', port: 80 }] },
    here: { [`spec/${field}`]: value }, there: { 'spec/ports': [{ name: 'http', port: 81 }] }, shows: { [`spec/${field}`]: undefined, 'spec/ports': [{ name: 'http', port: 81 }] }, rules: ['unit'],
  })),
  {
    row: 'Service', kinds: ['Service'], what: 'what else there is, by field', here: { 'spec/sessionAffinityConfig/clientIP/timeoutSeconds': 7 }, there: { 'spec/loadBalancerSourceRanges': ['203.0.113.0/25'], 'spec/publishNotReadyAddresses': false },
    shows: { 'spec/sessionAffinityConfig/clientIP/timeoutSeconds': 7, 'spec/loadBalancerSourceRanges': ['203.0.113.0/25'], 'spec/publishNotReadyAddresses': false },
  },
];

const text = (value: string): Uint8Array => Buffer.from(value);
const data: Example[] = [
  {
    row: 'Secret, ServiceAccount', kinds: ['Secret'], what: '`data` is one thing: a user of one side with the other\'s password would be neither\'s', base: { data: { user: text('old'), password: text('old') } },
    here: { data: { user: text('here'), password: text('old') } }, there: { data: { user: text('old'), password: text('there') } }, shows: { data: { user: 'old', password: 'there' } }, rules: ['unit'],
  },
  { row: 'Secret, ServiceAccount', kinds: ['Secret'], what: 'its type goes with `data`', here: { type: 'here.test/t' }, there: { data: { password: text('there') } }, shows: { type: 'Opaque', data: { password: 'there' } }, rules: ['unit'] },
  { row: 'Secret, ServiceAccount', kinds: ['Secret'], what: 'data here, a label there: both', here: { data: { password: text('here') } }, there: { 'metadata/labels': { a: 'b' } }, shows: { data: { password: 'here' }, 'metadata/labels': { a: 'b' } } },
  {
    row: 'Secret, ServiceAccount', kinds: ['Secret', 'ConfigMap'], what: 'immutable: whole', base: { immutable: undefined }, here: { 'metadata/labels': { here: 'x' } }, there: { immutable: true }, shows: { immutable: true, 'metadata/labels/here': undefined }, rules: ['whole'],
  },
  ...['secrets', 'imagePullSecrets'].map((field): Example => ({
    row: 'Secret, ServiceAccount', kinds: ['ServiceAccount'], what: `${field} are one thing`, base: { [field]: [{ name: 'old' }] }, here: { [`${field}/[+]`]: { name: 'here' } }, there: { [`${field}/[+]`]: { name: 'there' }, automountServiceAccountToken: true },
    shows: { [field]: [{ name: 'old' }, { name: 'there' }], automountServiceAccountToken: true }, rules: ['field'],
  })),
  {
    row: 'ConfigMap', kinds: ['ConfigMap'], what: 'by key', base: { immutable: undefined, data: { a: '0', b: '0', both: '0' }, binaryData: undefined }, here: { 'data/a': '1', 'data/both': '1' }, there: { 'data/b': undefined, 'data/c': '2', 'data/both': '2' },
    shows: { data: { a: '1', both: '2', c: '2' } }, rules: ['field'],
  },
  {
    row: 'ConfigMap', kinds: ['ConfigMap'], what: 'one key in `data` here and in `binaryData` there would be refused: whole', base: { immutable: undefined, data: {}, binaryData: {} }, here: { 'data/k': 'text', 'metadata/labels': { here: 'x' } }, there: { 'binaryData/k': text('bytes') },
    shows: { 'data/k': undefined, 'binaryData/k': 'bytes', 'metadata/labels/here': undefined }, rules: ['invalid'],
  },
];

const ROLES = 'Role, ClusterRole, bindings';
const access: Example[] = [
  {
    row: ROLES, kinds: ['rbac.authorization.k8s.io/Role', 'rbac.authorization.k8s.io/ClusterRole'], what: 'a rule taken away here stays away, one added there stays', base: { rules: [may('get'), may('delete')] },
    here: { rules: [may('get')] }, there: { rules: [may('get'), may('delete'), may('list')] }, shows: { rules: [may('get'), may('list')] },
  },
  {
    row: ROLES, kinds: ['rbac.authorization.k8s.io/ClusterRole'], what: 'what a role is put together from is one thing', base: { aggregationRule: { clusterRoleSelectors: [{ matchLabels: { a: 'b' } }] } },
    here: { 'aggregationRule/clusterRoleSelectors/[+]': { matchLabels: { a: 'here' } } }, there: { aggregationRule: { clusterRoleSelectors: [{ matchLabels: { a: 'there' } }] } },
    shows: { aggregationRule: { clusterRoleSelectors: [{ matchLabels: { a: 'there' } }] } }, rules: ['field'],
  },
  {
    row: ROLES, kinds: ['rbac.authorization.k8s.io/RoleBinding', 'rbac.authorization.k8s.io/ClusterRoleBinding'], what: 'a subject revoked here, another added there: both', base: { subjects: [user('ann'), user('eve')] },
    here: { subjects: [user('ann')] }, there: { subjects: [user('ann'), user('eve'), user('bob')] }, shows: { subjects: [user('ann'), user('bob')] },
  },
  {
    row: ROLES, kinds: ['rbac.authorization.k8s.io/RoleBinding', 'rbac.authorization.k8s.io/ClusterRoleBinding'], what: 'different roles: whole, for who was to have one role must not get the other', base: { subjects: [user('ann')] },
    here: { 'roleRef/name': 'here', subjects: [user('ann'), user('bob')] }, there: { 'roleRef/name': 'there' }, shows: { 'roleRef/name': 'there', subjects: [user('ann')] }, rules: ['whole'],
  },
  { row: ROLES, kinds: ['rbac.authorization.k8s.io/RoleBinding', 'rbac.authorization.k8s.io/Role'], what: 'a deletion wins', here: null, there: { 'metadata/labels': { a: 'b' } }, shows: null, rules: ['delete'] },
];

const taint = (key: string, effect: string): object => ({ key, effect });
const nodes: Example[] = [
  {
    row: 'Node', kinds: ['Node'], what: 'taints by key and effect: those of both sides', base: { 'spec/taints': [taint('old', 'NoSchedule')] },
    here: { 'spec/taints': [taint('here', 'NoExecute')] }, there: { 'spec/taints/[+]': taint('there', 'NoExecute') }, shows: { 'spec/taints': [taint('here', 'NoExecute'), taint('there', 'NoExecute')] },
  },
  {
    row: 'Node', kinds: ['Node'], what: 'a taint is one thing', base: { 'spec/taints': [taint('k', 'NoExecute')] },
    here: { 'spec/taints/[k]/value': 'here' }, there: { 'spec/taints/[k]/timeAdded': '2026-01-02T00:00:00Z' }, shows: { 'spec/taints': [{ ...taint('k', 'NoExecute'), timeAdded: '2026-01-02T00:00:00Z' }] }, rules: ['field'],
  },
  { row: 'Node', kinds: ['Node'], what: 'unschedulable: true wins', base: { 'spec/unschedulable': undefined }, here: { 'spec/unschedulable': true }, there: { 'spec/unschedulable': false }, shows: { 'spec/unschedulable': true }, rules: ['true'] },
  {
    row: 'Node', kinds: ['Node'], what: 'podCIDR and providerID are one thing', base: { 'spec/podCIDR': undefined, 'spec/podCIDRs': undefined, 'spec/providerID': undefined },
    here: { 'spec/podCIDR': '10.1.0.0/24', 'spec/podCIDRs': ['10.1.0.0/24'], 'spec/providerID': 'test://here' }, there: { 'spec/podCIDR': '10.2.0.0/24', 'spec/podCIDRs': ['10.2.0.0/24'] },
    shows: { 'spec/podCIDR': '10.2.0.0/24', 'spec/podCIDRs': ['10.2.0.0/24'], 'spec/providerID': undefined }, rules: ['unit'],
  },
  {
    row: 'Node', kinds: ['Node'], what: 'addresses are one thing: one type may occur twice', here: { 'status/addresses/[+]': { type: 'ExternalIP', address: '198.51.100.1' } }, there: { 'status/addresses/[InternalIP]/address': '192.0.2.99' },
    shows: { 'status/addresses': [{ type: 'InternalIP', address: '192.0.2.99' }, { type: 'Hostname', address: 'full' }] }, rules: ['field'],
  },
];

const others: Example[] = [
  {
    row: 'Namespace', kinds: ['Namespace'], what: 'its own finalizers, too, are a set', base: { 'spec/finalizers': ['kubernetes', 'example.test/old'] },
    here: { 'spec/finalizers/[example.test/old]': undefined }, there: { 'spec/finalizers/[+]': 'example.test/new', 'metadata/labels/there': 'x' },
    shows: { 'spec/finalizers': ['kubernetes', 'example.test/new'], 'metadata/labels/there': 'x' },
  },
  {
    row: 'custom resources', kinds: ['custom'], what: 'maps by field, every list one thing', base: { spec: { a: { x: 1, y: 1 }, list: [{ name: 'l', v: 0 }] } },
    here: { 'spec/a/x': 2, 'spec/list/[l]/v': 1, 'spec/new/deep': 'here' }, there: { 'spec/a/y': 3, 'spec/list/[+]': { name: 'there' } },
    shows: { spec: { a: { x: 2, y: 3 }, list: [{ name: 'l', v: 0 }, { name: 'there' }], new: { deep: 'here' } } }, rules: ['field'],
  },
  {
    row: 'custom resources', kinds: ['custom'], what: 'metadata and status as everywhere', base: { status: { conditions: [condition('Ready', 'Unknown')] } },
    here: { 'metadata/finalizers': ['example.test/f'], 'status/conditions/[Ready]/status': 'True' }, there: { 'status/conditions/[+]': condition('Synced', 'True') },
    shows: { 'metadata/finalizers': ['example.test/f'], 'status/conditions': [condition('Ready', 'True'), condition('Synced', 'True')] },
  },
];

const invalid: Example[] = [
  {
    row: 'checks', kinds: ['autoscaling/HorizontalPodAutoscaler'], what: 'minReplicas above maxReplicas', base: { 'spec/minReplicas': 2, 'spec/maxReplicas': 10 },
    here: { 'spec/minReplicas': 8 }, there: { 'spec/maxReplicas': 5 }, shows: { 'spec/minReplicas': 2, 'spec/maxReplicas': 5 }, rules: ['invalid'],
  },
  {
    row: 'checks', kinds: templated, what: 'a request above the limit', base: { ...small, [`${main}/resources`]: { requests: { cpu: '1' }, limits: { cpu: '4' } } },
    here: { [`${main}/resources/requests/cpu`]: '3' }, there: { [`${main}/resources/limits/cpu`]: '2500m' }, shows: { [`${main}/resources`]: { requests: { cpu: '1' }, limits: { cpu: '2500m' } } }, rules: ['invalid'],
  },
  {
    row: 'checks', kinds: templated, what: 'a pod without containers', base: small, here: { 'spec/template/spec/containers/[c]': undefined }, there: { 'spec/template/spec/containers/[side]': undefined },
    shows: { 'spec/template/spec/containers': [container('c', 'example.test/c:1')] }, rules: ['invalid'],
  },
  {
    row: 'checks', kinds: ['batch/CronJob'], what: 'a mount of a volume that is gone', base: { 'spec/jobTemplate/spec/template/spec/volumes': [{ name: 'v', emptyDir: {} }] },
    here: { 'spec/jobTemplate/spec/template/spec/containers/[c]/volumeMounts': [{ name: 'v', mountPath: '/v' }] }, there: { 'spec/jobTemplate/spec/template/spec/volumes': undefined },
    shows: { 'spec/jobTemplate/spec/template/spec/containers/[c]/volumeMounts': undefined }, rules: ['invalid'],
  },
  {
    row: 'checks', kinds: templated, what: 'variables of one name are legal: such a list is one thing', base: { ...small, [`${main}/env`]: [{ name: 'X', value: '0' }, { name: 'X', value: '1' }] },
    here: { [`${main}/env/[+]`]: { name: 'HERE', value: 'x' } }, there: { [`${main}/env/[+]`]: { name: 'THERE', value: 'x' } },
    shows: { [`${main}/env`]: [{ name: 'X', value: '0' }, { name: 'X', value: '1' }, { name: 'THERE', value: 'x' }] }, rules: ['field'],
  },
];

export const examples: readonly Example[] = [...metadata, ...entries, ...ends, ...status, ...workloads, ...pods, ...services, ...data, ...access, ...nodes, ...others, ...invalid];
