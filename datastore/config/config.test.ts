import { describe, expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { configure } from './config.ts';
import type { Configuration } from './config.ts';
import { flagsMarkdown, helpText } from './help.ts';
import { options } from './options.ts';
import type { Option } from './option.ts';
import { groups } from './option.ts';
import { clusterId, memberId, ordinals } from './cluster.ts';
import { parseDuration } from './values.ts';
import { EDGESTORE_VERSION, versionText } from './version.ts';

function serve(args: readonly string[], environment: Record<string, string> = {}, file?: string): Configuration {
  const command = configure(args, environment, () => {
    if (file === undefined) throw new Error('ENOENT');
    return file;
  });
  if (command.type !== 'serve') throw new Error(command.type);
  return command;
}
const settings = (...args: string[]) => serve(args).settings;

describe('settings', () => {
  test('defaults are etcd\'s', () => {
    expect(settings()).toMatchObject({
      name: 'default', dataDir: 'default.edgestore', advertiseClientUrls: ['http://localhost:2379'], joining: false, alone: true, slot: 0,
      quota_bytes: 2_147_483_648, maxTxnOps: 128, maxRequest_bytes: 1_572_864, watchProgressNotify_ms: 600_000,
      autoCompaction: { mode: 'off' }, gateway: true, extensiveMetrics: false, logLevel: 'info', clientTls: undefined,
    });
    expect(settings().listenClientUrls).toMatchObject([{ host: 'localhost', port: 2379, tls: false }]);
  });

  test('the ids of etcd\'s default cluster are etcd\'s', () => {
    // As etcd 3.7.3 prints them when it is started without flags.
    expect(settings().memberId.toString(16)).toBe('8e9e05c52164694d');
    expect(settings().clusterId.toString(16)).toBe('cdf818194e3a8c32');
  });

  test('ids depend on URLs and token, not on order', () => {
    expect(memberId(['http://b:1', 'http://a:1'], 't')).toBe(memberId(['http://a:1', 'http://b:1'], 't'));
    expect(memberId(['http://a:1'], 't')).not.toBe(memberId(['http://a:1'], 'u'));
    expect(clusterId([2n, 1n])).toBe(clusterId([1n, 2n]));
  });

  test('several replicas', () => {
    const cluster = ['--initial-advertise-peer-urls=http://b:1', '--initial-cluster', 'b=http://b:1,a=http://a:1,c=http://c:1', '--name'];
    expect(settings(...cluster, 'b')).toMatchObject({ alone: false, slot: 1, autoCompaction: { mode: 'periodic', retention: 600_000 } });
    expect(settings(...cluster, 'b', '--slot-base=10')).toMatchObject({ slot: 11 });
    expect(settings(...cluster, 'b', '--slot=7', '--slot-base=10')).toMatchObject({ slot: 7 });
    expect(settings(...cluster, 'b', '--initial-cluster-state=existing')).toMatchObject({ joining: true });
    expect(settings(...cluster, 'b', '--slot-base=10', '--slot=7').initialCluster.map(({ name, slot }) => [name, slot])).toEqual([['a', 10], ['b', 7], ['c', 12]]);
    expect(settings('--strided-revisions').alone).toBe(false);
    expect(settings()).toMatchObject({ maxConnectionAge_ms: 0, maxConnectionAgeGrace_ms: 30_000 });
    expect(settings('--max-connection-age=5m').maxConnectionAge_ms).toBe(300_000);
    expect(settings('--local-keys=/a/,ü').localKeys).toEqual(['/a/', '\xc3\xbc']);
  });

  test.each([
    [['x-2', 'x-0'], { 'x-2': 2, 'x-0': 0 }],
    [['x-2', 'y'], { 'x-2': 0, y: 1 }],
    [['x-1', 'y-1'], { 'x-1': 0, 'y-1': 1 }],
    [['x-300', 'y-1'], { 'x-300': 0, 'y-1': 1 }],
    [['n1', 'n0'], { n1: 1, n0: 0 }],
  ])('ordinals of %j', (names, expected) => expect(Object.fromEntries(ordinals(names))).toEqual(expected));

  test.each([
    [['--auto-compaction-retention=0'], { mode: 'off', retention: 0 }],
    [['--auto-compaction-retention=8'], { mode: 'periodic', retention: 8 * 3_600_000 }],
    [['--auto-compaction-retention=5m'], { mode: 'periodic', retention: 300_000 }],
    [['--auto-compaction-mode=revision', '--auto-compaction-retention=1000'], { mode: 'revision', retention: 1000 }],
  ])('%j', (args, expected) => expect(settings(...args).autoCompaction).toEqual(expected));

  test('replicas that are all started alike: one begins the cluster, the others join; a member may be named twice', () => {
    const peers = '--initial-cluster=s-0=http://s-0:1,s-1=http://s-1:1';
    const as = (name: string, ...more: string[]) => settings(`--name=${name}`, `--initial-advertise-peer-urls=http://${name}:1`, `${peers},${name}=http://${name}:1`, '--founder=s-0', ...more);
    expect(as('s-0')).toMatchObject({ joining: false, slot: 0, initialCluster: [{ name: 's-0' }, { name: 's-1' }] });
    expect(as('s-1')).toMatchObject({ joining: true, slot: 1 });
    expect(as('s-7', '--slot-base=64')).toMatchObject({ joining: true, slot: 71 });
    // Of another site: their numbers are alike, their slots are not.
    expect(as('t-1', '--slot-base=64')).toMatchObject({ joining: true, slot: 65 });
  });

  test('TLS', () => {
    expect(settings('--cert-file=c', '--key-file=k', '--trusted-ca-file=ca', '--client-cert-auth', '--tls-min-version=TLS1.3',
      '--listen-client-urls=https://127.0.0.1:1', '--advertise-client-urls=https://a:1').clientTls)
      .toEqual({ certFile: 'c', keyFile: 'k', trustedCaFile: 'ca', clientCertAuth: true, minVersion: 'TLSv1.3', maxVersion: 'TLSv1.3', cipherSuites: [] });
    expect(settings('--peer-cert-file=c', '--peer-key-file=k').peerTls).toMatchObject({ certFile: 'c', keyFile: 'k' });
  });

  test('a unix socket and IPv6 to listen on', () => {
    const { listenClientUrls } = settings('--listen-client-urls=unix://localhost:7,http://[::1]:8', '--advertise-client-urls=unix://localhost:7');
    expect(listenClientUrls).toMatchObject([{ host: '::1', port: 8 }, { scheme: 'unix', path: 'localhost:7' }]);
  });

  test.each([
    [['--listen-client-urls=http://127.0.0.1:1'], '--advertise-client-urls is required when --listen-client-urls is set explicitly'],
    [['--listen-client-urls=http://example.com:1', '--advertise-client-urls=http://a:1'], 'expected IP in URL for binding (http://example.com:1)'],
    [['--listen-client-urls=http://:1', '--advertise-client-urls=http://a:1'], 'expected IP in URL for binding'],
    [['--listen-peer-urls=127.0.0.1:1'], 'URL scheme must be http, https, unix, or unixs: 127.0.0.1:1'],
    [['--listen-peer-urls=http://127.0.0.1'], 'URL address does not have the form "host:port": http://127.0.0.1'],
    [['--listen-peer-urls=http://127.0.0.1:99999'], 'does not have the form "host:port"'],
    [['--listen-peer-urls=http://127.0.0.1:1/x'], 'URL must not contain a path: http://127.0.0.1:1/x'],
    [['--initial-advertise-peer-urls=http://:1'], '--initial-advertise-peer-urls "http://:1" must be "host:port" (unexpected empty host (http://:1))'],
    [['--initial-cluster=a=http://a:1'], 'couldn\'t find local name "default" in the initial cluster configuration'],
    [['--initial-cluster=default=http://a:1'], '--initial-cluster has default=http://a:1 but missing from --initial-advertise-peer-urls=http://localhost:2380'],
    [['--initial-cluster=default=http://localhost:2380,b=http://localhost:2380'], 'has duplicate url'],
    [['--initial-cluster=default'], '"default" is not NAME=URL'],
    [['--initial-cluster-state=old'], 'invalid value "old" for flag --initial-cluster-state: must be one of new, existing'],
    [['--max-txn-ops=many'], 'invalid value "many" for flag --max-txn-ops: must be an integer from 1'],
    [['--heartbeat-interval=100ms'], 'invalid value "100ms" for flag --heartbeat-interval'],
    [['--pre-vote=maybe'], 'invalid value "maybe" for flag --pre-vote: must be true or false'],
    [['--watch-progress-notify-interval=10'], 'must be a duration like 10s'],
    [['--auto-compaction-mode=revision', '--auto-compaction-retention=5m'], 'invalid value "5m" for flag --auto-compaction-retention in mode revision'],
    [['--slot=256'], 'for flag --slot: must be an integer from 0 to 255'],
    [['--slot-base=255', '--name=b', '--initial-cluster=a=http://a:1,b=http://localhost:2380'], 'slot 256 (--slot-base plus the ordinal of b) is above 255'],
    [['--auto-tls'], '--auto-tls is not supported'],
    [['--unsafe-no-fsync'], '--unsafe-no-fsync is not supported'],
    [['--discovery=http://example.com'], '--discovery is not supported'],
    [['--discovery-srv=example.com', '--initial-cluster=default=http://localhost:2380'], 'multiple discovery or bootstrap flags are set. Choose one of "initial-cluster" or "discovery-srv"'],
    [['--discovery-srv=http://example.com'], 'invalid value "http://example.com" for flag --discovery-srv: must be a DNS name'],
    [['--discovery-srv-name=a'], '--discovery-srv-name needs --discovery-srv'],
    [['--discovery-srv=_peer._tcp.example.com', '--discovery-srv-name=a'], '--discovery-srv names the records themselves'],
    [['--discovery-peers=unix:///a'], '--discovery-peers: unix:///a: replicas reach each other over TCP only'],
    [['--federation-peers=a.example:2380'], 'invalid value "a.example:2380" for flag --federation-peers'],
    [['--dns-servers=dns.example'], 'invalid value "dns.example" for flag --dns-servers: must be an IP address'],
    [['--listen-peer-urls=unix://a:1'], 'unix://a:1: replicas reach each other over TCP only'],
    [['--cors=http://a'], '--cors is not supported'],
    [['--auth-token=jwt,sign-method=RS256'], '--auth-token jwt is not supported yet'],
    [['--cert-file=c'], '--cert-file and --key-file must both be present or both absent'],
    [['--cert-file=c', '--key-file=k', '--client-cert-auth'], '--client-cert-auth needs --trusted-ca-file'],
    [['--cert-file=c', '--key-file=k', '--tls-min-version=TLS1.3', '--tls-max-version=TLS1.2'], 'min version (TLS1.3) is greater than max version (TLS1.2)'],
    [['--listen-peer-urls=https://127.0.0.1:1'], 'https://127.0.0.1:1 needs a certificate: --peer-cert-file and --peer-key-file'],
    [['--config-file=/nowhere'], '--config-file /nowhere cannot be read: ENOENT'],
  ])('%j is refused', (args, message) => expect(() => settings(...args)).toThrow(message));

  test('a refused option may spell out its default', () => expect(settings('--auto-tls=false', '--discovery=', '--cors=*').name).toBe('default'));
});

describe('sources together', () => {
  test('flags and environment', () => {
    const { settings: s, withoutEffect } = serve(['--name=a', '--heartbeat-interval=10', '--experimental-gone'], { ETCD_DATA_DIR: '/d', ETCD_PRE_VOTE: 'true' });
    expect(s).toMatchObject({ name: 'a', dataDir: '/d' });
    expect(withoutEffect).toEqual(['experimental-gone', 'heartbeat-interval', 'pre-vote']);
  });

  test('a config file replaces both', () => {
    expect(serve(['--config-file=f', '--name=flag'], { ETCD_DATA_DIR: '/env' }, 'name: file').settings).toMatchObject({ name: 'file', dataDir: 'file.edgestore' });
    expect(serve([], { ETCD_CONFIG_FILE: 'f' }, 'name: file').settings.name).toBe('file');
  });

  test('help and version', () => {
    expect(configure(['-h'], {}, String).type).toBe('help');
    expect(configure(['--version'], {}, String).type).toBe('version');
    expect(versionText('v1', 'x/y').split('\n')[0]).toBe('etcd Version: 3.7.3');
  });
});

test.each([['1h30m', 5_400_000], ['300ms', 300], ['1.5s', 1500], ['-1s', -1000], ['0', 0], ['10', undefined], ['', undefined], ['1d', undefined], ['5000ns', 0.005]])(
  'duration %s', (text, ms) => expect(parseDuration(text)).toBe(ms));

describe('the table', () => {
  const all: readonly Option[] = options;

  test('names are unique, every group is used', () => {
    expect(new Set(all.map((option) => option.name)).size).toBe(all.length);
    expect(new Set(all.map((option) => option.group))).toEqual(new Set(groups));
  });

  test('every default is a valid value', () => {
    const args = all.filter((option) => option.name !== 'help' && option.name !== 'version' && option.name !== 'config-file' && option.name !== 'data-dir')
      .map((option) => `--${option.name}=${option.default}`);
    expect(settings(...args)).toEqual(settings());
  });

  test('help names every option', () => {
    for (const option of all) expect(helpText()).toContain(`--${option.name}`);
  });

  test('docs/operations/flags.md is fresh (npm run generate)', () => {
    expect(readFileSync('docs/operations/flags.md', 'utf8')).toBe(flagsMarkdown());
  });

  test('the version is package.json\'s', () => {
    expect((JSON.parse(readFileSync('package.json', 'utf8')) as { version: string }).version).toBe(EDGESTORE_VERSION);
  });
});
