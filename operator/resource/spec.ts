/** What a person may ask of an EdgeStore. The one source of the CRD's schema, of the type and of the reference in docs/. */
import { choice, duration, flag, foreign, foreigns, integer, intOrPercent, list, maybe, object, quantity, text, texts } from './schema.ts';
import type { Infer } from './schema.ts';

/** Slots are 0 to 255 (datastore/limits.ts): with these two, slotBase plus ordinal always fits. */
export const REPLICAS_MAX = 64;
export const SLOT_BASE_MAX = 192;

const issuer = object('A cert-manager issuer.', {
  name: text('Its name.', { minLength: 1 }),
  kind: choice('Issuer: in the same namespace.', ['Issuer', 'ClusterIssuer'], { default: 'Issuer' }),
});

const tlsRules = [
  { rule: "self.source != 'Secret' || has(self.secretName)", message: 'source Secret needs secretName', fieldPath: '.secretName' },
  { rule: "self.source != 'CertManager' || has(self.issuerRef)", message: 'source CertManager needs issuerRef', fieldPath: '.issuerRef' },
];
const SECRET_NAME = 'Of a Secret with tls.crt, tls.key and ca.crt (source Secret). The certificate is used as server and as client; it must name *.NAME-headless.NAMESPACE.svc.';

const clientTls = object('The client port.', {
  source: choice('Where the certificate comes from. None: no TLS. SelfSigned: the operator has a CA for this EdgeStore.', ['None', 'SelfSigned', 'Secret', 'CertManager'], { default: 'None' }),
  secretName: maybe(text(SECRET_NAME, { minLength: 1 })),
  issuerRef: maybe(issuer),
  clientCertAuth: flag('Refuse clients without a certificate of the same CA. Whoever has one may do everything: the store has no users and roles.', { default: false }),
}, { default: {}, rules: [...tlsRules, { rule: "!self.clientCertAuth || self.source != 'None'", message: 'clientCertAuth needs a certificate: source must not be None', fieldPath: '.source' }] });

const peerTls = object('Between replicas. Both sides always show a certificate.', {
  source: choice('As for clients. Where another CA comes with another source, certificates that trust both are needed in between: replicas with the one and with the other must reach each other.', ['None', 'SelfSigned', 'Secret', 'CertManager'], { default: 'SelfSigned' }),
  secretName: maybe(text(SECRET_NAME, { minLength: 1 })),
  issuerRef: maybe(issuer),
}, { default: {}, rules: [...tlsRules, { rule: "(self.source == 'None') == (oldSelf.source == 'None')", message: 'TLS between replicas cannot be turned on or off: half of the replicas would not reach the other half meanwhile', fieldPath: '.source' }] });

const autoscaling = object('The operator makes a HorizontalPodAutoscaler for this EdgeStore. Absent: it makes none, and anything may write replicas through /scale.', {
  minReplicas: integer('Fewest replicas.', 1, REPLICAS_MAX, { default: 2 }),
  maxReplicas: integer('Most replicas.', 1, REPLICAS_MAX),
  targetCPUUtilizationPercentage: maybe(integer('Of the requested CPU (resources.requests.cpu). Default 70, unless metrics are given.', 1, 1000)),
  metrics: maybe(foreigns('As in autoscaling/v2. Replicas relieve reads, watches and connections, not writes: every write reaches every replica.')),
  behavior: maybe(foreign('As in autoscaling/v2. Default: up at once, down one replica a minute after 300 s of calm.')),
}, { rules: [{ rule: 'self.minReplicas <= self.maxReplicas', message: 'minReplicas must not be above maxReplicas', fieldPath: '.minReplicas' }] });

const storage = object('The volume of each replica.', {
  size: quantity('It may grow, if the storage class lets it; it cannot shrink.', { default: '1Gi' }),
  storageClassName: maybe(text('Default: the cluster\'s default class.', { minLength: 1 })),
  retention: choice('What becomes of the volumes when the EdgeStore is deleted. A replica\'s volume that is scaled in is deleted in either case, after the drain has been verified.', ['Retain', 'Delete'], { default: 'Retain' }),
}, {
  default: {},
  rules: [
    { rule: 'has(self.storageClassName) == has(oldSelf.storageClassName) && (!has(self.storageClassName) || self.storageClassName == oldSelf.storageClassName)', message: 'storageClassName cannot be changed', fieldPath: '.storageClassName' },
    { rule: 'quantity(string(self.size)).compareTo(quantity(string(oldSelf.size))) >= 0', message: 'size cannot shrink', fieldPath: '.size' },
  ],
});

const federation = object('Replicas of other clusters that belong to the same store. Each cluster has a slotBase of its own, and replicas whose names differ.', {
  token: text('The same in every cluster: keeps stores apart.', { minLength: 8, maxLength: 128 }),
  founder: flag('True in exactly one cluster: it begins the store. The others join it.', { default: false }),
  peers: list('Replicas of the other clusters, as first contacts; one that answers is enough.', object('', {
    name: text('As its pod is named there.', { minLength: 1, maxLength: 63 }),
    url: text('Its peer URL.', { pattern: '^https?://[^/,=]+:[0-9]+$' }),
  }), { default: [], keys: ['name'], maxItems: 64 }),
  advertisePeerURL: text('Where the others reach a replica of this cluster; {pod} stands for its name.', { pattern: '^https?://[^/,=]*\\{pod\\}[^/,=]*:[0-9]+$' }),
}, { rules: [{ rule: 'self.founder || size(self.peers) > 0', message: 'a cluster that does not begin the store needs peers to join it by', fieldPath: '.peers' }] });

const service = object('How clients reach the replicas: the Service NAME-client, and one Service per replica for an apiserver of its own.', {
  type: choice('Of the client Service.', ['ClusterIP', 'NodePort', 'LoadBalancer'], { default: 'ClusterIP' }),
  sessionAffinity: choice('ClientIP keeps a client at one replica: an apiserver must not mix the revisions of two.', ['ClientIP', 'None'], { default: 'ClientIP' }),
  trafficDistribution: maybe(choice('Which replica a client gets.', ['PreferSameNode', 'PreferSameZone', 'PreferClose'])),
  annotations: maybe(texts('Of the client Service.')),
  perReplica: flag('One Service per replica (NAME-0, NAME-1, …).', { default: true }),
}, { default: {} });

const monitoring = object('Objects of the Prometheus operator. Nothing is made while the cluster does not know them.', {
  enabled: flag('', { default: false }),
  kind: choice('', ['PodMonitor', 'ServiceMonitor'], { default: 'PodMonitor' }),
  interval: duration('', { default: '30s' }),
  labels: maybe(texts('By which a Prometheus selects it.')),
}, { default: {} });

const networkPolicy = object('A NetworkPolicy: peers among themselves, clients from where it is said, the operator.', {
  enabled: flag('', { default: false }),
  clientFrom: maybe(foreigns('As `from` in networking.k8s.io/v1; absent: clients may come from anywhere.')),
  peerFrom: maybe(foreigns('The same for replicas of other clusters (federation).')),
  operatorFrom: maybe(foreigns('Where the operator runs; absent: anywhere in the cluster.')),
}, { default: {} });

export const specSchema = object('What is wanted.', {
  replicas: integer('How many replicas. With autoscaling the autoscaler writes it; the operator keeps it between minReplicas and maxReplicas.', 1, REPLICAS_MAX, { default: 3 }),
  autoscaling: maybe(autoscaling),
  image: maybe(text('Default: the image that the operator was given for replicas.', { minLength: 1, maxLength: 512 })),
  imagePullPolicy: maybe(choice('As in Kubernetes.', ['Always', 'IfNotPresent', 'Never'])),
  imagePullSecrets: maybe(list('', object('', { name: text('Of a Secret.', { minLength: 1 }) }), { maxItems: 16 })),
  resources: maybe(foreign('Of the container: requests and limits. Default: 100m CPU and 256Mi requested, no limits.')),
  storage,
  tls: object('Certificates.', { client: clientTls, peer: peerTls }, { default: {} }),
  quota: maybe(quantity('Size of the store at which writes are refused; default 2Gi.')),
  compaction: object('How much history each replica keeps.', {
    mode: choice('', ['periodic', 'revision'], { default: 'periodic' }),
    retention: text('A time (10m), or with mode revision a count.', { default: '10m', pattern: '^([0-9]+|([0-9]+(s|m|h))+)$', maxLength: 32 }),
  }, { default: {} }),
  writeAcks: integer('A write is acknowledged once so many replicas have it on disk.', 1, REPLICAS_MAX, { default: 1 }),
  evictAfter: maybe(duration('A replica that is away this long loses its place. Default 168h.')),
  maxConnectionAge: maybe(duration('A client connection older than this, give or take a tenth, is told to go: so clients that are connected already come to replicas that were added. Of use with service.sessionAffinity None; a client that is kept at its replica comes back to it. Default: never.')),
  localKeys: maybe(list('Prefixes of keys that each replica keeps for itself.', text('', { minLength: 1, maxLength: 1024 }), { maxItems: 64 })),
  slotBase: integer('First slot: slots are slotBase + ordinal.', 0, SLOT_BASE_MAX, { default: 0, rules: [{ rule: 'self == oldSelf', message: 'slotBase cannot be changed' }] }),
  drainTimeout: duration('A drain that takes longer is reported as ScaleInBlocked. It goes on.', { default: '10m' }),
  terminationGracePeriodSeconds: integer('How long a replica may take to end. It flushes to its peers for up to two thirds of it.', 10, 3_600, { default: 60 }),
  nodeSelector: maybe(texts('As in Kubernetes.')),
  affinity: maybe(foreign('As in Kubernetes. Default: replicas rather not on one node.')),
  tolerations: maybe(foreigns('As in Kubernetes.')),
  topologySpreadConstraints: maybe(foreigns('As in Kubernetes; a missing labelSelector selects the replicas of this EdgeStore.')),
  priorityClassName: maybe(text('As in Kubernetes.', { minLength: 1 })),
  podLabels: maybe(texts('More labels of the pods.')),
  podAnnotations: maybe(texts('More annotations of the pods.')),
  service,
  podDisruptionBudget: object('', {
    enabled: flag('', { default: true }),
    maxUnavailable: maybe(intOrPercent('Default 1.')),
  }, { default: {} }),
  monitoring,
  networkPolicy,
  federation: maybe(federation),
  logLevel: choice('Of the replicas.', ['debug', 'info', 'warn', 'error'], { default: 'info' }),
  extraArgs: maybe(list('More flags for `edgestore serve` (docs/operations/flags.md), each as --name=value.', text('', { pattern: '^--[a-z][a-z0-9-]*(=.*)?$', maxLength: 1024 }), { maxItems: 64 })),
}, {
  default: {},
  rules: [
    { rule: "has(self.federation) == has(oldSelf.federation)", message: 'federation cannot be added or taken away: the identity of a store is settled when it begins', fieldPath: '.federation' },
    { rule: "!has(self.federation) || self.tls.peer.source != 'SelfSigned'", message: 'federation needs certificates that the other clusters trust: tls.peer.source Secret or CertManager (or None, in a network of its own)', fieldPath: '.tls' },
    { rule: '!has(self.autoscaling) || self.writeAcks <= self.autoscaling.minReplicas || has(self.federation)', message: 'writeAcks must not be above autoscaling.minReplicas: writes would not be acknowledged', fieldPath: '.writeAcks' },
  ],
});

export type EdgeStoreSpec = Infer<typeof specSchema>;
export type ClientTls = EdgeStoreSpec['tls']['client'];
export type PeerTls = EdgeStoreSpec['tls']['peer'];
export type Autoscaling = NonNullable<EdgeStoreSpec['autoscaling']>;
export type Federation = NonNullable<EdgeStoreSpec['federation']>;
