/**
 * Every option, once: flags, environment, config file, help and docs/operations/flags.md are made from this table.
 * Names, defaults and meanings are etcd 3.7's unless `own`.
 */
import type { Effect, Group, Kind, Option } from './option.ts';
import { limits } from '../limits.ts';

type More = Partial<Pick<Option, 'choices' | 'min' | 'max' | 'file'>>;

const row = (own: boolean, effect: Effect, group: Group) =>
  <const N extends string>(name: N, kind: Kind, value: string, help: string, more: More = {}) =>
    ({ name, kind, default: value, help, group, effect, own, ...more }) satisfies Option;

const member = row(false, 'used', 'Member');
const clustering = row(false, 'used', 'Clustering');
const replication = row(true, 'used', 'Replication');
const compaction = row(false, 'used', 'Compaction');
const client = row(false, 'used', 'Client security');
const peer = row(false, 'used', 'Peer security');
const limit = row(false, 'used', 'Limits');
const ownLimit = row(true, 'used', 'Limits');
const monitoring = row(false, 'used', 'Monitoring');
const logging = row(false, 'used', 'Logging');
const general = row(false, 'used', 'General');
const noop = row(false, 'no-op', 'Of etcd, without effect here');
const refused = row(false, 'refused', 'Of etcd, not supported');

const clientFile = (key: string): More => ({ file: { section: 'client-transport-security', key } });
const peerFile = (key: string): More => ({ file: { section: 'peer-transport-security', key } });

export const options = [
  member('name', 'string', 'default', 'Name of this replica. A name that ends in -N (a StatefulSet pod) chooses its slot.'),
  member('data-dir', 'string', '', 'Path of the data folder; default: NAME.edgestore in the working folder.'),
  member('listen-client-urls', 'urls', 'http://localhost:2379', 'Where to listen for clients: gRPC, and HTTP/1.1 unless --listen-client-http-urls is given.'),
  member('listen-client-http-urls', 'urls', '', 'Where to listen for HTTP/1.1 clients only; takes HTTP/1.1 away from --listen-client-urls.'),
  member('listen-peer-urls', 'urls', 'http://localhost:2380', 'Where to listen for other replicas.'),

  clustering('advertise-client-urls', 'urls', 'http://localhost:2379', 'Client URLs that other replicas tell clients of. Required when --listen-client-urls is given.'),
  clustering('initial-advertise-peer-urls', 'urls', 'http://localhost:2380', 'Peer URLs by which other replicas reach this one.'),
  clustering('initial-cluster', 'string', '', 'NAME=URL of all first replicas, comma-separated; default: this one alone.'),
  clustering('initial-cluster-token', 'string', 'etcd-cluster', 'Keeps clusters apart that share addresses: part of the cluster id.'),
  clustering('initial-cluster-state', 'string', 'new', "'existing': this replica joins a cluster, and serves nobody before it has caught up.", { choices: ['new', 'existing'] }),

  clustering('discovery-srv', 'string', '', 'DNS domain whose SRV records (_etcd-server-ssl._tcp, _etcd-server._tcp) name all first replicas; or, beginning with _, the name of the records themselves. In place of --initial-cluster.'),
  clustering('discovery-srv-name', 'string', '', 'Suffix of the service: _etcd-server-ssl-NAME._tcp and _etcd-server-NAME._tcp.'),

  replication('founder', 'string', '', "With --initial-cluster-state new: only the replica of this name begins the cluster, any other joins it. For replicas that are all started with the same flags."),
  replication('flush-timeout', 'duration', `${limits.flush_ms / 1_000}s`, 'At SIGTERM: how long to wait until every replica that is connected holds everything, before this one ends.'),
  replication('discovery-peers', 'urls', '', 'Peer URLs where other replicas may be found. A name stands for all addresses that it has at the moment (a headless Service).'),
  replication('federation-peers', 'urls', '', 'Peer URLs of replicas of other sites, which belong to the same cluster. Looked up like --discovery-peers.'),
  replication('dns-servers', 'list', '', "DNS servers (IP or IP:port) to ask in place of the system's resolver."),
  replication('slot', 'string', '', `Slot of this replica, 0 to ${limits.slots - 1}; default: --slot-base plus the ordinal (trailing -N of the name, else its place among the sorted names of --initial-cluster).`),
  replication('slot-base', 'integer', '0', 'First slot of this cluster or site. Sites that replicate with each other need ranges of their own.', { max: limits.slots - 1 }),
  replication('local-keys', 'list', '', 'Prefixes of keys that each replica keeps for itself: never replicated.'),
  replication('write-acks', 'integer', '1', 'A write is acknowledged once this many replicas, this one included, hold it on their disks. If too few can be reached in time the answer is an error, and the write stays.', { min: 1, max: limits.slots }),
  replication('merge', 'string', 'field', "What becomes of concurrent changes of one Kubernetes object. 'field': both, field by field, by a table; 'off': the later write wins as a whole. The same on all replicas.", { choices: ['field', 'off'] }),
  replication('merge-policy', 'string', '', 'File (JSON or YAML) with the table of which part of which kind merges how, in place of the one that docs/merging.md shows. The same on all replicas.'),
  replication('merge-prefix', 'string', '/registry/', "Only keys that begin so hold objects that merge: kube-apiserver's --etcd-prefix, and a slash. The same on all replicas."),
  replication('evict-after', 'duration', '168h', 'A replica that has been away this long loses its place (a majority must agree), so that the others can forget what it has not seen; 0: never. It may come back, as a new incarnation.'),
  replication('strided-revisions', 'flag', 'false', 'Count revisions in strides that name their replica from the first one on, also alone. For a replica that others will join.'),

  compaction('auto-compaction-mode', 'string', 'periodic', "'periodic': --auto-compaction-retention is a time; 'revision': a count of revisions.", { choices: ['periodic', 'revision'] }),
  compaction('auto-compaction-retention', 'string', '', "How much history to keep: '10m', '8' (hours), or a count of revisions; 0: never compact by itself. Default: 10m with several replicas, 0 alone (as etcd). Time goes on over restarts."),

  client('cert-file', 'string', '', 'Certificate (PEM) of the client port.', clientFile('cert-file')),
  client('key-file', 'string', '', 'Key (PEM) of the client port.', clientFile('key-file')),
  client('trusted-ca-file', 'string', '', 'CA (PEM) that client certificates are checked against.', clientFile('trusted-ca-file')),
  client('client-cert-auth', 'flag', 'false', 'Refuse clients without a certificate of --trusted-ca-file.', clientFile('client-cert-auth')),
  client('tls-min-version', 'string', 'TLS1.2', 'Lowest TLS version, of clients and peers.', { choices: ['TLS1.2', 'TLS1.3'] }),
  client('tls-max-version', 'string', '', 'Highest TLS version; default: the highest there is.', { choices: ['', 'TLS1.2', 'TLS1.3'] }),
  client('cipher-suites', 'list', '', 'TLS 1.2 cipher suites by their IANA (Go) names; default: Node\'s.'),

  peer('peer-cert-file', 'string', '', 'Certificate (PEM) for other replicas, as server and as client.', peerFile('cert-file')),
  peer('peer-key-file', 'string', '', 'Key (PEM) of --peer-cert-file.', peerFile('key-file')),
  peer('peer-trusted-ca-file', 'string', '', 'CA (PEM) that other replicas\' certificates are checked against.', peerFile('trusted-ca-file')),
  peer('peer-client-cert-auth', 'flag', 'false', 'Refuse replicas without a certificate of --peer-trusted-ca-file.', peerFile('client-cert-auth')),

  limit('quota-backend-bytes', 'integer', '0', 'Size of the store at which writes are refused (alarm NOSPACE); 0: 2 GiB. Negative: no limit.', { min: -Number.MAX_SAFE_INTEGER }),
  limit('max-txn-ops', 'integer', String(limits.txn_ops), 'Most operations in one transaction.', { min: 1 }),
  limit('max-request-bytes', 'integer', String(limits.request_bytes), `Largest request, at most ${limits.frame_bytes / 4} bytes.`, { min: 1, max: limits.frame_bytes / 4 }),
  limit('max-concurrent-streams', 'integer', '4294967295', 'Most calls that one client connection may have open.', { min: 1, max: 4_294_967_295 }),
  limit('watch-progress-notify-interval', 'duration', '10m', 'How often watches that ask for it are told of progress.', { min: 100 }),
  limit('grpc-keepalive-min-time', 'duration', '5s', 'Clients that ping more often than this without cause are disconnected; 0: never.'),
  limit('grpc-keepalive-interval', 'duration', '2h', 'How often the server pings clients; 0: never.'),
  limit('grpc-keepalive-timeout', 'duration', '20s', 'How long a pinged client may take to answer.'),
  ownLimit('max-connection-age', 'duration', '0', 'A client connection (HTTP/2) that is older, give or take a tenth, is told to go (GOAWAY): the client comes back, perhaps to a replica that came later. Watches and keepalives are ended at once, retryably. 0: never.'),
  ownLimit('max-connection-age-grace', 'duration', '30s', 'How long other calls may still take on a connection that has been told to go.'),

  monitoring('listen-metrics-urls', 'urls', '', 'More places for /metrics, /health, /readyz and /livez. The client URLs have them too.'),
  monitoring('metrics', 'string', 'basic', "'extensive' adds a histogram of the time each gRPC call took.", { choices: ['basic', 'extensive'] }),

  logging('log-level', 'string', 'info', 'debug, info, warn, error.', { choices: ['debug', 'info', 'warn', 'error', 'dpanic', 'panic', 'fatal'] }),
  logging('log-outputs', 'list', 'default', 'stderr (which is the default), stdout, or paths of files.'),
  logging('log-format', 'string', 'json', 'json or console.', { choices: ['json', 'console'] }),

  general('config-file', 'string', '', 'A YAML or JSON file with all options; flags and environment are then ignored.'),
  general('enable-grpc-gateway', 'flag', 'true', 'Serve the JSON gateway (/v3/...) on the client port.'),
  general('version', 'flag', 'false', 'Print versions and exit.'),
  general('help', 'flag', 'false', 'Print this and exit.'),

  noop('auth-token', 'string', 'simple', 'Authentication is not there yet; any other value is refused.'),
  noop('auth-token-ttl', 'integer', '300', 'Authentication is not there yet.'),
  noop('bcrypt-cost', 'integer', '10', 'Authentication is not there yet.'),
  noop('snapshot-count', 'integer', '10000', 'When a snapshot is made is decided by the journal\'s size.'),
  noop('warning-unary-request-duration', 'duration', '300ms', 'Slow calls show in the metrics (--metrics extensive).'),
  noop('wal-dir', 'string', '', 'The journal lives in --data-dir.'),
  noop('heartbeat-interval', 'integer', '100', 'No consensus, no heartbeats.'),
  noop('election-timeout', 'integer', '1000', 'No consensus, no elections.'),
  noop('initial-election-tick-advance', 'flag', 'true', 'No elections.'),
  noop('strict-reconfig-check', 'flag', 'true', 'Reading and writing need no quorum that a change could lose.'),
  noop('pre-vote', 'flag', 'true', 'No elections.'),
  noop('snapshot-catchup-entries', 'integer', '5000', 'No raft log.'),
  noop('max-snapshots', 'integer', '5', 'One snapshot is kept.'),
  noop('max-wals', 'integer', '5', 'Journal files are kept as long as they are needed.'),
  noop('max-learners', 'integer', '1', 'Every replica reads and writes.'),
  noop('raft-read-timeout', 'duration', '5s', 'No raft.'),
  noop('raft-write-timeout', 'duration', '5s', 'No raft.'),
  noop('memory-mlock', 'flag', 'false', 'No mapped files.'),
  noop('backend-bbolt-freelist-type', 'string', 'map', 'No bbolt.', { choices: ['map', 'array'] }),
  noop('backend-batch-interval', 'duration', '0s', 'No bbolt: every write is on disk before its answer.'),
  noop('backend-batch-limit', 'integer', '0', 'No bbolt.'),
  noop('bootstrap-defrag-threshold-megabytes', 'integer', '0', 'Starting leaves no free space behind.'),
  noop('compaction-batch-limit', 'integer', '1000', 'Compaction works in slices of time.'),
  noop('compaction-sleep-interval', 'duration', '10ms', 'Compaction works in slices of time.'),
  noop('corrupt-check-time', 'duration', '0s', 'Replicas compare digests all the time.'),
  noop('compact-hash-check-time', 'duration', '1m', 'Replicas compare digests all the time.'),
  noop('downgrade-check-time', 'duration', '5s', 'No cluster version to lower.'),
  noop('warning-apply-duration', 'duration', '100ms', 'No apply step of its own.'),
  noop('socket-reuse-port', 'flag', 'false', 'Ports are not shared.'),
  noop('socket-reuse-address', 'flag', 'false', 'Node sets SO_REUSEADDR always.'),
  noop('enable-pprof', 'flag', 'false', 'Not Go; node --inspect and --cpu-prof serve.'),
  noop('feature-gates', 'string', '', 'None of etcd\'s gates exists here.'),
  noop('v2-deprecation', 'string', 'write-only', 'No v2 store.'),
  noop('logger', 'string', 'zap', 'There is one logger.'),
  noop('enable-log-rotation', 'flag', 'false', 'Rotation is for what collects the log.'),
  noop('log-rotation-config-json', 'string', '', 'Rotation is for what collects the log.'),
  noop('self-signed-cert-validity', 'integer', '1', 'No certificates are made.'),
  noop('discovery-fallback', 'string', 'exit', 'No discovery service.'),
  noop('peer-skip-client-san-verification', 'flag', 'false', 'Peers\' addresses are not compared with their certificates.', peerFile('skip-client-san-verification')),
  noop('enable-distributed-tracing', 'flag', 'false', 'No traces are sent.'),
  noop('distributed-tracing-address', 'string', 'localhost:4317', 'No traces are sent.'),
  noop('distributed-tracing-service-name', 'string', 'etcd', 'No traces are sent.'),
  noop('distributed-tracing-instance-id', 'string', '', 'No traces are sent.'),
  noop('distributed-tracing-sampling-rate', 'integer', '0', 'No traces are sent.'),
  noop('client-cert-file', 'string', '', 'The server is no client of itself.', clientFile('client-cert-file')),
  noop('client-key-file', 'string', '', 'The server is no client of itself.', clientFile('client-key-file')),
  ...(['dial-timeout', 'request-timeout', 'keepalive-time', 'keepalive-timeout'] as const)
    .map((name) => noop(`discovery-${name}`, 'duration', '0s', 'No discovery service.')),
  ...(['insecure-transport', 'insecure-skip-tls-verify'] as const)
    .map((name) => noop(`discovery-${name}`, 'flag', 'false', 'No discovery service.')),

  refused('auto-tls', 'flag', 'false', 'Name certificates instead: --cert-file and --key-file.', clientFile('auto-tls')),
  refused('peer-auto-tls', 'flag', 'false', 'Name certificates instead: --peer-cert-file and --peer-key-file.', peerFile('auto-tls')),
  refused('client-cert-allowed-hostname', 'list', '', 'Client certificates are checked against --trusted-ca-file only.', clientFile('allowed-hostname')),
  refused('client-crl-file', 'string', '', 'Certificate revocation lists are not read.', clientFile('client-crl-file')),
  refused('peer-client-cert-file', 'string', '', 'The certificate of --peer-cert-file serves both ways.', peerFile('client-cert-file')),
  refused('peer-client-key-file', 'string', '', 'The key of --peer-key-file serves both ways.', peerFile('client-key-file')),
  refused('peer-crl-file', 'string', '', 'Certificate revocation lists are not read.', peerFile('crl-file')),
  refused('peer-cert-allowed-cn', 'list', '', 'Peers are checked against --peer-trusted-ca-file only.', peerFile('allowed-cn')),
  refused('peer-cert-allowed-hostname', 'list', '', 'Peers are checked against --peer-trusted-ca-file only.', peerFile('allowed-hostname')),
  refused('cors', 'string', '*', 'The JSON gateway lets every origin in.'),
  refused('host-whitelist', 'string', '*', 'Host names of HTTP requests are not checked.'),
  refused('unsafe-no-fsync', 'flag', 'false', 'An acknowledged write is on stable storage, always.'),
  refused('force-new-cluster', 'flag', 'false', 'Losing members does not stop EdgeStore from serving.'),
  ...(['', '-token', '-endpoints', '-cert', '-key', '-cacert', '-user', '-password', '-proxy'] as const)
    .map((name) => refused(`discovery${name}`, 'string', '', 'Name the replicas (--initial-cluster), or have DNS name them (--discovery-srv).')),
] as const;

export type OptionName = (typeof options)[number]['name'];

const byName: ReadonlyMap<string, Option> = new Map(options.map((option) => [option.name, option]));

/** The option of that name. etcd's older `experimental-X` mean X where there is an X. */
export function findOption(name: string): Option | undefined {
  return byName.get(name) ?? byName.get(name.replace(/^experimental-/, ''));
}

/** Names that old scripts and config files of etcd carry and that etcd itself ignores (etcdmain/config.go, etcd.conf.yml.sample). */
export const legacyNames: ReadonlySet<string> = new Set([
  'cluster-active-size', 'cluster-remove-delay', 'cluster-sync-interval', 'config', 'force', 'max-result-buffer', 'max-retry-attempts',
  'peer-heartbeat-interval', 'peer-election-timeout', 'retry-interval', 'snapshot', 'v', 'vv', 'test.coverprofile', 'test.outputdir',
  'proxy', 'proxy-failure-wait', 'proxy-refresh-interval', 'proxy-dial-timeout', 'proxy-write-timeout', 'proxy-read-timeout', 'enable-v2', 'debug',
]);
