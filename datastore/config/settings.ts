/** What the options mean together: checked as etcd checks them, and turned into what the parts of the program take. */
import { clusterId, ordinals, parseInitialCluster } from './cluster.ts';
import type { Member } from './cluster.ts';
import { ConfigError } from './errors.ts';
import { options } from './options.ts';
import type { OptionName } from './options.ts';
import type { Option } from './option.ts';
import type { Given } from './sources.ts';
import { checkBind, checkHosts, isIpAddress, parseAddresses } from './urls.ts';
import type { Address } from './urls.ts';
import { parseBool, parseDuration, parseInteger, parseList } from './values.ts';
import type { Level } from '../host/log.ts';
import { limits } from '../limits.ts';

export interface TlsFiles {
  readonly certFile: string;
  readonly keyFile: string;
  /** '' : none. */
  readonly trustedCaFile: string;
  /** Refuse the other side without a certificate of `trustedCaFile`. */
  readonly clientCertAuth: boolean;
  readonly minVersion: 'TLSv1.2' | 'TLSv1.3';
  readonly maxVersion: 'TLSv1.2' | 'TLSv1.3';
  /** IANA names; empty: Node's choice. */
  readonly cipherSuites: readonly string[];
}

/** All that a replica is told at start. Durations in ms. */
export interface Settings {
  readonly name: string;
  readonly dataDir: string;
  readonly listenClientUrls: readonly Address[];
  /** Empty: HTTP/1.1 is served on the client URLs. */
  readonly listenClientHttpUrls: readonly Address[];
  readonly listenPeerUrls: readonly Address[];
  readonly listenMetricsUrls: readonly Address[];
  readonly advertiseClientUrls: readonly string[];
  readonly advertisePeerUrls: readonly string[];
  /** This replica among them. */
  readonly initialCluster: readonly (Member & { readonly slot: number })[];
  readonly initialClusterToken: string;
  /** What to look up to find other replicas. */
  readonly discovery: {
    readonly urls: readonly string[];
    readonly services: readonly { readonly name: string; readonly scheme: 'http' | 'https' }[];
    /** The first replicas are those that `services` name: `initialCluster` is this replica alone until they are known. */
    readonly first: boolean;
  };
  /** IP or IP:port; empty: the system's resolver. */
  readonly dnsServers: readonly string[];
  /** True: this replica joins; it serves nobody before it has caught up. */
  readonly joining: boolean;
  /** Of a cluster that is new; a replica that joins, or has been a member, knows better. */
  readonly clusterId: bigint;
  readonly memberId: bigint;
  readonly slot: number;
  /** --slot; null: not given. */
  readonly slotFlag: number | null;
  readonly slotBase: number;
  /** The slot was chosen: by --slot, --slot-base or a name that ends in -N; otherwise it comes from the place in a list. */
  readonly slotGiven: boolean;
  /** One member and no discovery: revisions count by one, as etcd's. */
  readonly alone: boolean;
  /** Prefixes, one character per byte. */
  readonly localKeys: readonly string[];
  /** Whether Kubernetes' objects merge by field. */
  readonly merge: boolean;
  /** '' for the table that is built in. */
  readonly mergePolicyFile: string;
  /** One character per byte. */
  readonly mergePrefix: string;
  /** undefined: no certificate was given. */
  readonly clientTls: TlsFiles | undefined;
  readonly peerTls: TlsFiles | undefined;
  /** Negative: no limit. Never 0. */
  /** How many replicas, this one included, must hold a write on their disks before it is acknowledged. */
  readonly writeAcks: number;
  /** How long a member may be away before it is evicted; 0: for ever. */
  readonly evictAfter_ms: number;
  /** How long it waits at its end until connected peers hold everything. */
  readonly flushTimeout_ms: number;
  readonly quota_bytes: number;
  readonly maxTxnOps: number;
  readonly maxRequest_bytes: number;
  readonly maxConcurrentStreams: number;
  readonly watchProgressNotify_ms: number;
  readonly keepaliveMinTime_ms: number;
  readonly keepaliveInterval_ms: number;
  readonly keepaliveTimeout_ms: number;
  /** 0: connections may become as old as they like. */
  readonly maxConnectionAge_ms: number;
  readonly maxConnectionAgeGrace_ms: number;
  /** `retention`: ms, or a count of revisions. */
  readonly autoCompaction: { readonly mode: 'off' | 'periodic' | 'revision'; readonly retention: number };
  readonly gateway: boolean;
  /** Histograms of gRPC calls, too. */
  readonly extensiveMetrics: boolean;
  readonly logLevel: Level;
  readonly logFormat: 'json' | 'console';
  readonly logOutputs: readonly string[];
}

/** Longest DNS name (RFC 1035). */
const DNS_NAME_MAX = 253;

const bytewise = (a: string, b: string): number => (a < b ? -1 : 1);

/** Typed access to what was given, or the default. */
class Reader {
  private readonly values: ReadonlyMap<string, string>;

  constructor(values: ReadonlyMap<string, string>) {
    this.values = values;
  }

  given(name: OptionName): boolean {
    return this.values.has(name);
  }

  text(name: OptionName): string {
    const option: Option = options.find((o) => o.name === name) as Option;
    const value = this.values.get(name) ?? option.default;
    if (option.choices !== undefined && !option.choices.includes(value)) {
      throw this.invalid(name, value, `one of ${option.choices.filter((choice) => choice !== '').join(', ')}`);
    }
    return value;
  }

  list(name: OptionName): string[] {
    return parseList(this.text(name)).filter((part) => part !== '');
  }

  flag(name: OptionName): boolean {
    const value = parseBool(this.text(name));
    if (value === undefined) throw this.invalid(name, this.text(name), 'true or false');
    return value;
  }

  integer(name: OptionName): number {
    const { min = 0, max = Number.MAX_SAFE_INTEGER }: Option = options.find((o) => o.name === name) as Option;
    const value = parseInteger(this.text(name), min, max);
    if (value === undefined) throw this.invalid(name, this.text(name), `an integer from ${min} to ${max}`);
    return value;
  }

  duration_ms(name: OptionName): number {
    const { min = 0 }: Option = options.find((o) => o.name === name) as Option;
    const value = parseDuration(this.text(name));
    if (value === undefined || value < min) {
      throw this.invalid(name, this.text(name), `a duration like 10s or 1h30m${min > 0 ? `, at least ${min}ms` : ''}`);
    }
    return value;
  }

  urls(name: OptionName): Address[] {
    try {
      return parseAddresses(this.text(name));
    } catch (error) {
      throw new ConfigError(`invalid value "${this.text(name)}" for flag --${name}: ${(error as Error).message}`);
    }
  }

  /** Every value is well-formed, also those that mean nothing here: a slip in one is a slip in the script. */
  checkAll(): void {
    for (const name of this.values.keys() as MapIterator<OptionName>) {
      const option = options.find((o) => o.name === name) as Option;
      if (option.kind === 'flag') this.flag(name);
      else if (option.kind === 'integer') this.integer(name);
      else if (option.kind === 'duration') this.duration_ms(name);
      else if (option.kind === 'urls') this.urls(name);
      else this.text(name);
    }
  }

  private invalid(name: OptionName, value: string, wanted: string): ConfigError {
    return new ConfigError(`invalid value "${value}" for flag --${name}: must be ${wanted}`);
  }
}

/** Asking for what EdgeStore does not do is an error; spelling out its default is not. */
function refuse(reader: Reader): void {
  for (const option of options as readonly Option[]) {
    const name = option.name as OptionName;
    if (option.effect !== 'refused' || !reader.given(name)) continue;
    const asked = option.kind === 'flag' ? reader.flag(name) : reader.text(name) !== '' && reader.text(name) !== option.default;
    if (asked) throw new ConfigError(`--${name} is not supported. ${option.help}`);
  }
  const token = reader.text('auth-token');
  if (token !== 'simple' && token !== '') throw new ConfigError(`--auth-token ${token.split(',')[0]} is not supported yet: only simple`);
}

function tlsFiles(reader: Reader, prefix: '' | 'peer-'): TlsFiles | undefined {
  const certFile = reader.text(`${prefix}cert-file`);
  const keyFile = reader.text(`${prefix}key-file`);
  const trustedCaFile = reader.text(`${prefix}trusted-ca-file`);
  const clientCertAuth = reader.flag(`${prefix}client-cert-auth`);
  if ((certFile === '') !== (keyFile === '')) throw new ConfigError(`--${prefix}cert-file and --${prefix}key-file must both be present or both absent`);
  if (certFile === '') return undefined;
  if (clientCertAuth && trustedCaFile === '') throw new ConfigError(`--${prefix}client-cert-auth needs --${prefix}trusted-ca-file`);
  const version = (text: string): 'TLSv1.2' | 'TLSv1.3' => (text === 'TLS1.2' ? 'TLSv1.2' : 'TLSv1.3');
  const [min, max] = [reader.text('tls-min-version'), reader.text('tls-max-version')];
  const cipherSuites = reader.list('cipher-suites');
  if (max !== '' && min > max) throw new ConfigError(`min version (${min}) is greater than max version (${max})`);
  if (min === 'TLS1.3' && cipherSuites.length > 0) throw new ConfigError('cipher suites cannot be configured when only TLS1.3 is enabled');
  return { certFile, keyFile, trustedCaFile, clientCertAuth, minVersion: version(min), maxVersion: version(max), cipherSuites };
}

function autoCompaction(reader: Reader, alone: boolean): Settings['autoCompaction'] {
  const mode = reader.text('auto-compaction-mode') as 'periodic' | 'revision';
  const text = reader.text('auto-compaction-retention') || (alone ? '0' : mode === 'periodic' ? '10m' : '1000');
  const whole = parseInteger(text, 0, Number.MAX_SAFE_INTEGER);
  // etcd: a periodic retention without a unit counts hours.
  const retention = mode === 'revision' || whole === undefined ? whole : whole * 3_600_000;
  const value = retention ?? (mode === 'periodic' ? parseDuration(text) : undefined);
  if (value === undefined || value < 0) throw new ConfigError(`invalid value "${text}" for flag --auto-compaction-retention in mode ${mode}`);
  return value === 0 ? { mode: 'off', retention: 0 } : { mode, retention: value };
}

/** --slot; null: not given. */
function givenSlot(reader: Reader): number | null {
  const text = reader.text('slot');
  if (text === '') return null;
  const slot = parseInteger(text, 0, limits.slots - 1);
  if (slot === undefined) throw new ConfigError(`invalid value "${text}" for flag --slot: must be an integer from 0 to ${limits.slots - 1}`);
  return slot;
}

interface FirstReplicas {
  readonly initialCluster: Settings['initialCluster'];
  readonly clusterId: bigint;
  readonly memberId: bigint;
  readonly slot: number;
}

/** The first replicas, of whom this one is one, with slots: `slot` for this one, or the base plus the ordinal. Throws ConfigError. */
function firstReplicas(members: readonly Member[], name: string, advertised: readonly string[], slot: number | null, base: number, joining: boolean): FirstReplicas {
  const own = members.find((member) => member.name === name);
  if (own === undefined) throw new ConfigError(`couldn't find local name "${name}" in the initial cluster configuration`);
  checkOwnUrls(name, own, advertised);
  const byName = new Map([...ordinals(members.map((member) => member.name))].map(([member, ordinal]) => [member, base + ordinal]));
  // Members of other sites have ranges of their own: their ordinals say nothing about this one's.
  const ordinal = /-(\d{1,3})$/.exec(name)?.[1];
  if (ordinal !== undefined && (joining || base > 0)) byName.set(name, base + Number(ordinal));
  if (slot !== null) byName.set(name, slot);
  const slotOf = (member: string): number => byName.get(member) ?? 0;
  if (slotOf(name) >= limits.slots) throw new ConfigError(`slot ${slotOf(name)} (--slot-base plus the ordinal of ${name}) is above ${limits.slots - 1}`);
  return {
    initialCluster: members.map((member) => ({ ...member, slot: slotOf(member.name) })),
    clusterId: clusterId(members.map((member) => member.id)),
    memberId: own.id,
    slot: slotOf(name),
  };
}

/** The settings once discovery has said who the first replicas are (NAME=URL, comma-separated). Throws ConfigError. */
export function withInitialCluster(settings: Settings, text: string): Settings {
  const { name, advertisePeerUrls, slotFlag, slotBase } = settings;
  return { ...settings, ...firstReplicas(parseInitialCluster(text, settings.initialClusterToken), name, advertisePeerUrls, slotFlag, slotBase, settings.joining) };
}

function logLevel(text: string): Level {
  return text === 'debug' || text === 'info' || text === 'warn' ? text : 'error';
}

/** SRV names as etcd forms them (client/pkg/srv), or one that was given whole: a headless Service's port is `_peer._tcp.NAME.NAMESPACE.svc.cluster.local`. */
function serviceNames(reader: Reader): { name: string; scheme: 'http' | 'https' }[] {
  const domain = reader.text('discovery-srv').replace(/\.$/, '');
  const service = reader.text('discovery-srv-name');
  if (domain === '') {
    if (service !== '') throw new ConfigError('--discovery-srv-name needs --discovery-srv');
    return [];
  }
  if (!/^[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?$/.test(domain) || domain.length > DNS_NAME_MAX) throw new ConfigError(`invalid value "${domain}" for flag --discovery-srv: must be a DNS name`);
  if (domain.startsWith('_')) {
    if (service !== '') throw new ConfigError('--discovery-srv names the records themselves: --discovery-srv-name has no place there');
    return [{ name: domain, scheme: reader.text('peer-cert-file') === '' ? 'http' : 'https' }];
  }
  const suffix = service === '' ? '' : `-${service}`;
  return [{ name: `_etcd-server-ssl${suffix}._tcp.${domain}`, scheme: 'https' }, { name: `_etcd-server${suffix}._tcp.${domain}`, scheme: 'http' }];
}

/** Peer URLs to look for replicas at. */
function peerUrls(reader: Reader, name: OptionName): string[] {
  const addresses = reader.urls(name);
  for (const address of addresses) {
    if (address.scheme !== 'http' && address.scheme !== 'https') throw new ConfigError(`--${name}: ${address.url}: replicas reach each other over TCP only`);
    if (address.host === '') throw new ConfigError(`--${name}: unexpected empty host (${address.url})`);
  }
  return addresses.map(({ url }) => url);
}

function dnsServers(reader: Reader): string[] {
  const servers = reader.list('dns-servers');
  for (const server of servers) {
    if (!isIpAddress(server) && !isIpAddress(server.replace(/:\d{1,5}$/, '').replace(/^\[|\]$/g, ''))) {
      throw new ConfigError(`invalid value "${server}" for flag --dns-servers: must be an IP address, or one with a port (10.0.0.1:53, [fd00::1]:53)`);
    }
  }
  return servers;
}

/** etcd's `advertiseMatchesCluster`, without looking names up: what this replica says of itself and what the cluster was told agree. */
function checkOwnUrls(name: string, own: Member, advertised: readonly string[]): void {
  const missing = own.peerUrls.filter((url) => !advertised.includes(url));
  if (missing.length > 0) {
    throw new ConfigError(`--initial-cluster has ${missing.map((url) => `${name}=${url}`).join(',')} but missing from --initial-advertise-peer-urls=${advertised.join(',')}`);
  }
  const extra = advertised.filter((url) => !own.peerUrls.includes(url));
  if (extra.length > 0) {
    throw new ConfigError(`--initial-advertise-peer-urls has ${extra.join(',')} but missing from --initial-cluster=${own.peerUrls.map((url) => `${name}=${url}`).join(',')}`);
  }
}

/** Checks everything that was given and says what it means. Throws ConfigError, which is for a person to read. */
export function settingsFrom({ values }: Given): Settings {
  const reader = new Reader(values);
  reader.checkAll();
  refuse(reader);

  const listen = (name: OptionName): Address[] => {
    const addresses = reader.urls(name);
    checkBind(addresses);
    return addresses;
  };
  const advertise = (name: OptionName, form: string): string[] => {
    const addresses = reader.urls(name);
    try {
      checkHosts(addresses);
    } catch (error) {
      throw new ConfigError(`--${name} "${reader.text(name)}" must be ${form} (${(error as Error).message})`);
    }
    return addresses.map((address) => address.url).sort(bytewise);
  };

  const name = reader.text('name');
  if (name === '') throw new ConfigError('--name must not be empty');
  const listenClientUrls = listen('listen-client-urls');
  if (listenClientUrls.length === 0) throw new ConfigError('--listen-client-urls must not be empty');
  if (reader.given('listen-client-urls') && !reader.given('advertise-client-urls')) {
    throw new ConfigError('--advertise-client-urls is required when --listen-client-urls is set explicitly');
  }
  const advertisePeerUrls = advertise('initial-advertise-peer-urls', '"host:port"');
  const token = reader.text('initial-cluster-token');
  const services = serviceNames(reader);
  if (services.length > 0 && reader.text('initial-cluster') !== '') {
    throw new ConfigError('multiple discovery or bootstrap flags are set. Choose one of "initial-cluster" or "discovery-srv"');
  }
  const discoveryUrls = [...new Set([...peerUrls(reader, 'discovery-peers'), ...peerUrls(reader, 'federation-peers')])];
  const initialCluster = parseInitialCluster(reader.text('initial-cluster') || advertisePeerUrls.map((url) => `${name}=${url}`).join(','), token);
  const slotFlag = givenSlot(reader);
  const slotBase = reader.integer('slot-base');
  const unixPeer = [...reader.urls('listen-peer-urls').map((address) => address.url), ...initialCluster.flatMap((member) => member.peerUrls)].find((url) => url.startsWith('unix'));
  if (unixPeer !== undefined) throw new ConfigError(`${unixPeer}: replicas reach each other over TCP only`);
  const founder = reader.text('founder');
  const joining = reader.text('initial-cluster-state') === 'existing' || (founder !== '' && founder !== name);
  const alone = initialCluster.length === 1 && !joining && services.length === 0 && discoveryUrls.length === 0 && !reader.flag('strided-revisions');
  const first = firstReplicas(initialCluster, name, advertisePeerUrls, slotFlag, slotBase, joining);

  const clientTls = tlsFiles(reader, '');
  const peerTls = tlsFiles(reader, 'peer-');
  const tlsWanted = [...listenClientUrls, ...reader.urls('listen-client-http-urls'), ...reader.urls('listen-metrics-urls')].find((address) => address.tls);
  if (tlsWanted !== undefined && clientTls === undefined) {
    throw new ConfigError(`${tlsWanted.url} needs a certificate: --cert-file and --key-file`);
  }
  const peerTlsWanted = reader.urls('listen-peer-urls').find((address) => address.tls);
  if (peerTlsWanted !== undefined && peerTls === undefined) {
    throw new ConfigError(`${peerTlsWanted.url} needs a certificate: --peer-cert-file and --peer-key-file`);
  }

  return {
    name,
    dataDir: reader.text('data-dir') || `${name}.edgestore`,
    listenClientUrls,
    listenClientHttpUrls: listen('listen-client-http-urls'),
    listenPeerUrls: listen('listen-peer-urls'),
    listenMetricsUrls: listen('listen-metrics-urls'),
    advertiseClientUrls: advertise('advertise-client-urls', 'in the format "host:port", "unix:/path/to/socket" or "unixs:/path/to/socket"'),
    advertisePeerUrls,
    ...first,
    initialClusterToken: token,
    discovery: { urls: discoveryUrls, services, first: services.length > 0 && !joining },
    dnsServers: dnsServers(reader),
    joining,
    slotFlag,
    slotBase,
    slotGiven: slotFlag !== null || (slotBase > 0 && (services.length === 0 || joining)) || /-\d{1,3}$/.test(name),
    alone,
    localKeys: reader.list('local-keys').map((prefix) => Buffer.from(prefix, 'utf8').toString('latin1')),
    merge: reader.text('merge') === 'field',
    mergePolicyFile: reader.text('merge-policy'),
    mergePrefix: Buffer.from(reader.text('merge-prefix'), 'utf8').toString('latin1'),
    clientTls,
    peerTls,
    writeAcks: reader.integer('write-acks'),
    evictAfter_ms: reader.duration_ms('evict-after'),
    flushTimeout_ms: reader.duration_ms('flush-timeout'),
    quota_bytes: reader.integer('quota-backend-bytes') || limits.quota_bytes,
    maxTxnOps: reader.integer('max-txn-ops'),
    maxRequest_bytes: reader.integer('max-request-bytes'),
    maxConcurrentStreams: reader.integer('max-concurrent-streams'),
    watchProgressNotify_ms: reader.duration_ms('watch-progress-notify-interval'),
    keepaliveMinTime_ms: reader.duration_ms('grpc-keepalive-min-time'),
    keepaliveInterval_ms: reader.duration_ms('grpc-keepalive-interval'),
    keepaliveTimeout_ms: reader.duration_ms('grpc-keepalive-timeout'),
    maxConnectionAge_ms: reader.duration_ms('max-connection-age'),
    maxConnectionAgeGrace_ms: reader.duration_ms('max-connection-age-grace'),
    autoCompaction: autoCompaction(reader, alone),
    gateway: reader.flag('enable-grpc-gateway'),
    extensiveMetrics: reader.text('metrics') === 'extensive',
    logLevel: logLevel(reader.text('log-level')),
    logFormat: reader.text('log-format') as 'json' | 'console',
    logOutputs: reader.list('log-outputs'),
  };
}
