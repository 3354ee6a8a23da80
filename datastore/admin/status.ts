/** `edgestore status`: how replicas are, side by side. Each replica speaks for itself, so each is asked. */
import { parseArgs } from 'node:util';
import { ConfigError } from '../config/errors.ts';
import { fetchPage, fetchStatus } from './client.ts';
import type { ClientTls, Endpoint } from './client.ts';
import { clientTls, endpointsOf, tlsOptions } from './common.ts';
import { figuresOf, worstLag } from './figures.ts';
import type { Figures } from './figures.ts';
import { lagTable } from './lag.ts';
import { bytesText, textTable } from './table.ts';

export interface ReplicaStatus extends Partial<Figures> {
  readonly endpoint: string;
  /** Why it could not be asked; everything else is missing then. */
  readonly error?: string;
  /** undefined: it is ready; otherwise why not. */
  readonly notReady?: string;
  readonly peersConnected?: number;
  readonly peers?: number;
  /** Age of the oldest own write that some peer has not reported as durable. */
  readonly lagSeconds?: number;
}

async function ask(endpoint: Endpoint, tls: ClientTls, timeout_ms: number): Promise<ReplicaStatus> {
  try {
    const [status, ready, metrics] = await Promise.all([
      fetchStatus(endpoint, tls, timeout_ms),
      fetchPage(endpoint, tls, '/readyz?verbose', timeout_ms),
      fetchPage(endpoint, tls, '/metrics', timeout_ms),
    ]);
    const figures = figuresOf(metrics.status === 200 ? metrics.body : '');
    const notReady = /^\[-\](.*)$/m.exec(ready.body)?.[1];
    return {
      endpoint: endpoint.address,
      ...figures,
      // What it says as an etcd comes first; the rest only EdgeStore has.
      memberId: (status.header?.member_id ?? 0n).toString(16),
      clusterId: (status.header?.cluster_id ?? 0n).toString(16),
      etcdVersion: status.version,
      revision: Number(status.header?.revision ?? 0n),
      dbSizeBytes: Number(status.dbSize),
      ...(ready.status === 200 ? {} : { notReady: notReady ?? `HTTP ${ready.status}` }),
      peersConnected: figures.links.filter(({ connected }) => connected).length,
      peers: figures.links.length,
      lagSeconds: worstLag(figures),
    };
  } catch (error) {
    return { endpoint: endpoint.address, error: error instanceof Error ? error.message : String(error) };
  }
}

function tableOf(replicas: readonly ReplicaStatus[]): string {
  const rows = replicas.map((r) => (r.error !== undefined
    ? [r.endpoint, '', '', '', '', '', '', '', '', `unreachable: ${r.error}`]
    : [
        r.endpoint, r.name ?? '', r.slot === undefined ? '' : String(r.slot), r.memberId ?? '', r.version ?? '', String(r.revision ?? ''), bytesText(r.dbSizeBytes ?? 0),
        `${r.peersConnected}/${r.peers}`, (r.lagSeconds ?? 0).toFixed(1),
        [r.notReady === undefined ? 'ready' : `not ready: ${r.notReady}`, ...(r.alarms ?? []).map((alarm) => `alarm ${alarm}`)].join(', '),
      ]));
  const table = textTable(['ENDPOINT', 'NAME', 'SLOT', 'MEMBER ID', 'VERSION', 'REVISION', 'DB SIZE', 'PEERS', 'LAG S', 'STATE'], rows);
  if (replicas.every(({ links }) => links === undefined || links.length === 0)) return table;
  const pairs = lagTable(replicas.map(({ name, endpoint, links }) => ({ name: name ?? endpoint, links })));
  return `${table}\n\nLag of each pair in seconds: how old is the oldest write that the other does not hold on disk\n\n${pairs}`;
}

export const statusUsage = `edgestore status [--endpoints host:port,...] [-o table|json] [--timeout SECONDS] [--cacert FILE] [--cert FILE --key FILE]

Asks each replica how it is. --endpoints defaults to $ETCDCTL_ENDPOINTS or 127.0.0.1:2379, and certificates to $ETCDCTL_CACERT, $ETCDCTL_CERT and
$ETCDCTL_KEY, as for etcdctl; so do those of the other commands that ask replicas. REVISION is each replica's own count and differs
between replicas. PEERS: links that stand, of all. LAG S: age in seconds of the oldest write made there that some peer does not hold on disk yet;
below, the same for each pair. An "x" beside it: the link is down.
Exits 1 if a replica could not be asked or is not ready.`;

/** Runs the command. Returns the exit code. Throws on a bad command line. */
export async function status(args: readonly string[], environment: Readonly<Record<string, string | undefined>>, print: (text: string) => void): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      endpoints: { type: 'string' }, output: { type: 'string', short: 'o', default: 'table' }, timeout: { type: 'string', default: '5' },
      ...tlsOptions, help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) {
    print(statusUsage);
    return 0;
  }
  if (values.output !== 'table' && values.output !== 'json') throw new ConfigError(`-o must be table or json, not ${values.output}`);
  const timeout_ms = Number(values.timeout) * 1000;
  if (!(timeout_ms > 0)) throw new ConfigError(`--timeout must be a number of seconds, not ${values.timeout}`);
  const tls = clientTls(values, environment);
  const endpoints = endpointsOf(values.endpoints, environment, tls);
  const replicas = await Promise.all(endpoints.map((endpoint) => ask(endpoint, tls, timeout_ms)));
  print(values.output === 'json' ? JSON.stringify(replicas, null, 2) : tableOf(replicas));
  return replicas.every((replica) => replica.error === undefined && replica.notReady === undefined) ? 0 : 1;
}
