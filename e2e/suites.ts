/** The end-to-end suites: what each needs and how it is started. */

export interface Suite {
  readonly name: string;
  /** What it shows, for people. */
  readonly about: string;
  /** Groups of programs that e2e/tools/setup.sh builds. */
  readonly tools: readonly string[];
  /** Groups of packages that e2e/tools/debian.sh installs; they need root. */
  readonly debian: readonly string[];
  /** Needs root for itself (mounts, network namespaces). */
  readonly root: boolean;
  /** Only with --long. */
  readonly long: boolean;
  /** Leaves the processors alone for most of its time: it is in the second lane, with others of the kind one after the other, beside those of the first. */
  readonly beside: boolean;
  readonly limit_minutes: number;
  /** Arguments for node, from the checkout's root. */
  readonly args: readonly string[];
}

const suite = (name: string, about: string, args: readonly string[], limit_minutes: number, more: Partial<Suite> = {}): Suite =>
  ({ name, about, args, limit_minutes, tools: [], debian: [], root: false, long: false, beside: false, ...more });

/**
 * In the order in which they run, in two lanes: what fails fast comes first. Nothing is shared between two that run at once but the machine: ports are free ones,
 * folders their own, and each real cluster has its own namespaces, networks and cgroups (hack/cluster). The autoscaler's comes last, when the second lane has long
 * ended: on a busy machine its readers make too little load.
 */
export const suites: readonly Suite[] = [
  suite('helpers', 'The tests of the end-to-end tests\' own helpers', ['--test', 'e2e/**/*.test.ts'], 3),
  suite('robustness/partitions', 'Links that are cut, one-way, flapping, slow, and kill -9: nothing acknowledged is lost, replicas end equal, watchers miss nothing', [
    'e2e/robustness/partitions/main.ts', '--seconds', '300', '--seed', '1',
  ], 12, { beside: true }),
  suite('compatibility/common', 'etcd\'s own black-box tests, with etcd\'s own client: those of what EdgeStore has', [
    'e2e/compatibility/common/main.ts', '--run', '^Test(Alarm|Compact|DefragOnline|EndpointH|EndpointStatus|HashKVWithNoAuth|KV|LeaseGrant|MemberList|Status$|Txn|VerifyHash|WaitLeader|Watch)',
  ], 15, { tools: ['etcd', 'etcd-suite'] }),
  suite('compatibility/differential', 'The same random requests to etcd and EdgeStore: every answer and event the same, over gRPC and JSON, through restarts', [
    'e2e/compatibility/differential/main.ts', '--seed', '1', '--seeds', '2', '--ops', '10000',
  ], 8, { tools: ['etcd'] }),
  suite('compatibility/http2', 'h2spec: HTTP/2 and HPACK by the book, but for what is listed with a reason', ['e2e/compatibility/http2/main.ts'], 4, { tools: ['http2'] }),
  suite('kubernetes/corpus', 'One of every kind, as a real apiserver stores it: the codecs give back the same bytes', ['e2e/kubernetes/corpus/main.ts'], 4, { tools: ['k8s'] }),
  suite('kubernetes/soak', 'Deployments, rolling updates and namespace deletions under an unmodified control plane', [
    'e2e/kubernetes/soak/main.ts', '--only', 'edgestore', '--minutes', '2', '--pods', '500',
  ], 8, { tools: ['etcd', 'k8s', 'kwok'] }),
  suite('kubernetes/failover', 'An apiserver moves between replicas; every informer equals a fresh list', [
    'e2e/kubernetes/failover/main.ts', '--interval', '5', '--pods', '100',
  ], 8, { tools: ['k8s', 'kwok'] }),
  suite('kubernetes/merge', 'Two apiservers on two replicas, cut apart: all pairs of edits of an object, by field and whole', ['e2e/kubernetes/merge/main.ts'], 6, { tools: ['k8s', 'kwok'] }),
  suite('kubernetes/partition', 'Two cells with controllers of their own, cut apart for longer than a node\'s eviction, pods killed on both sides: never too few, then exactly as many', [
    'e2e/kubernetes/partition/main.ts',
  ], 8, { tools: ['k8s', 'kwok'] }),
  suite('robustness/bad-input', 'Requests, bytes, flags, folders and disks that are not as they should be: a clear error each, nothing lost', [
    'e2e/robustness/bad-input/main.ts',
  ], 5),
  suite('robustness/merge-tables', 'A merging table of one\'s own on two replicas; then one of them has another table: what is said, nothing is lost, and it ends', [
    'e2e/robustness/merge-tables/main.ts',
  ], 4),
  suite('robustness/unattached', 'What others overwrite leaves a replica without clients where it was', [
    'e2e/robustness/unattached/main.ts', '--overwrites', '120000', '--warm', '30000',
  ], 6, { tools: ['etcd'] }),
  suite('robustness/srv', 'Replicas that only DNS SRV records name, by CoreDNS: a first start, a join, and a start without DNS', ['e2e/robustness/srv/main.ts'], 6, { tools: ['cluster'] }),
  suite('robustness/kill9', 'kill -9 under load: nothing acknowledged is lost, watchers resume without gap or duplicate', [
    'e2e/robustness/kill9/main.ts', '--kills', '40', '--seed', '1',
  ], 8),
  suite('docs/guides', 'The guides for people, every command and file in them as it stands: cells, clusters federated by peers', ['e2e/guides/main.ts'], 10, {
    tools: ['etcd', 'k8s', 'kwok'], root: true, beside: true,
  }),
  suite('operator/apiserver', 'The operator against a real apiserver: every rule of the CRD, hostile values, two operators, RBAC by the audit log, 200 EdgeStores', [
    'e2e/operator/apiserver/main.ts',
  ], 12, { tools: ['k8s', 'kwok'] }),
  suite('operator/chart', 'The chart rendered with values on and off; linted, taken, upgraded and let go of by a real apiserver', ['e2e/operator/chart/main.ts'], 6, {
    tools: ['helm', 'k8s', 'checks'], beside: true,
  }),
  suite('operator/image', 'hack/image/Dockerfile, played step by step without docker: every file of the image, and its programs work', [
    'e2e/operator/image/main.ts',
  ], 5, { root: true, beside: true }),
  suite('operator/minimal', 'On a real cluster: helm install, the minimal sample, an apiserver on it, helm test, scaling in and out while everybody writes', [
    'e2e/operator/minimal/main.ts',
  ], 15, { tools: ['etcd', 'k8s', 'kubelet', 'cluster', 'helm', 'kwok'], debian: ['containers'], root: true }),
  suite('operator/cluster', 'The image and a real cluster by themselves: same digest twice, pods of a StatefulSet under load, volumes, nothing left behind', [
    'e2e/operator/cluster/main.ts',
  ], 12, { tools: ['etcd', 'k8s', 'kubelet', 'cluster', 'kwok'], debian: ['containers'], root: true }),
  suite('operator/cases', 'On a real cluster: what happens to an EdgeStore in the course of its life, every case with its outcome (e2e/operator/cases/rows.ts), while everybody writes', [
    'e2e/operator/cases/main.ts',
  ], 20, { tools: ['etcd', 'k8s', 'kubelet', 'cluster', 'helm'], debian: ['containers'], root: true }),
  suite('operator/monitoring', 'Every expression of the dashboards and alerts, answered by a Prometheus that scraped three replicas under load and the operator', [
    'e2e/operator/monitoring/main.ts',
  ], 6, { tools: ['k8s', 'checks'], debian: ['monitoring'], beside: true }),
  suite('operator/scaling', 'On a real cluster: a HorizontalPodAutoscaler takes an EdgeStore from 2 replicas to 5 under reads and back, while everybody writes and watches', [
    'e2e/operator/scaling/main.ts',
  ], 12, { tools: ['etcd', 'k8s', 'kubelet', 'cluster', 'helm'], debian: ['containers'], root: true }),
  suite('docs/guides-cluster', 'The guide to a tenant control plane as it stands, and the samples of a federated store, on a real cluster with the operator', ['e2e/guides/cluster.ts'], 15, {
    tools: ['etcd', 'k8s', 'kubelet', 'cluster', 'helm', 'kwok'], debian: ['containers'], root: true, long: true,
  }),
  suite('operator/federation', 'On a real cluster: two EdgeStores of one store, joined by peers, with certificates that come late; TLS for clients', [
    'e2e/operator/federation/main.ts',
  ], 12, { tools: ['etcd', 'k8s', 'kubelet', 'cluster', 'helm'], debian: ['containers'], root: true, long: true }),
  suite('docs/guides-node', 'The guide to static pods as it stands: the real kubelet runs the store and, on it, its own apiserver', ['e2e/guides/main.ts', '--only', 'static-pods'], 10, {
    tools: ['etcd', 'k8s', 'kubelet'], debian: ['containers'], root: true, long: true,
  }),
  suite('compatibility/common-long', 'All of etcd\'s own black-box tests, those of users, roles and snapshots included', [
    'e2e/compatibility/common/main.ts',
  ], 45, { tools: ['etcd', 'etcd-suite'], long: true }),
  suite('robustness/kill9-long', 'The same 200 times', ['e2e/robustness/kill9/main.ts', '--kills', '200'], 30, { long: true }),
  suite('robustness/partitions-long', 'The same among five replicas, 30 min', ['e2e/robustness/partitions/main.ts', '--seconds', '1800', '--replicas', '5'], 45, { long: true }),
  suite('robustness/unattached-long', 'The same with a million overwrites', ['e2e/robustness/unattached/main.ts'], 40, { tools: ['etcd'], long: true }),
  suite('kubernetes/soak-long', 'The same beside etcd, 16 min and 1,000 pods, with the cache consistency checker having run', [
    'e2e/kubernetes/soak/main.ts', '--minutes', '16',
  ], 60, { tools: ['etcd', 'k8s', 'kwok'], long: true }),
  suite('kubernetes/soak-long-3', 'The same on one of three replicas', [
    'e2e/kubernetes/soak/main.ts', '--only', 'edgestore', '--minutes', '16', '--replicas', '3',
  ], 40, { tools: ['etcd', 'k8s', 'kwok'], long: true }),
  suite('kubernetes/failover-long', 'Failover with three compaction intervals of 20 s on each replica', [
    'e2e/kubernetes/failover/main.ts', '--pods', '500', '--nodes', '50',
  ], 20, { tools: ['k8s', 'kwok'], long: true }),
  suite('compatibility/differential-long', 'The same, 200,000 requests', [
    'e2e/compatibility/differential/main.ts', '--seeds', '10', '--ops', '20000',
  ], 30, { tools: ['etcd'], long: true }),
  suite('robustness/memory', 'A million overwrites, and half a million keys that come and go, leave the heap where it was', [
    'e2e/robustness/memory/main.ts',
  ], 30, { tools: ['etcd'], long: true }),
  suite('robustness/catchup', 'Joining with 100,000 keys, and what that does to the event loop of who gives', ['e2e/robustness/catchup/main.ts'], 30, { long: true }),
];
