/** The options that commands share which talk to replicas, and what stands for them in the environment: the same as for etcdctl. */
import { ConfigError } from '../config/errors.ts';
import { fetchPage, parseEndpoint } from './client.ts';
import type { ClientTls, Endpoint } from './client.ts';

type Environment = Readonly<Record<string, string | undefined>>;

export const tlsOptions = { cacert: { type: 'string' }, cert: { type: 'string' }, key: { type: 'string' } } as const;

export const targetOptions = { endpoint: { type: 'string' }, timeout: { type: 'string' }, ...tlsOptions, help: { type: 'boolean', short: 'h', default: false } } as const;

interface TlsValues {
  readonly cacert?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
}

/**
 * Files of certificates: --cacert, --cert and --key, else ETCDCTL_CACERT, ETCDCTL_CERT and ETCDCTL_KEY.
 * @throws ConfigError if there is a certificate without a key, or a key without a certificate
 */
export function clientTls(values: TlsValues, environment: Environment): ClientTls {
  const of = (flag: keyof TlsValues): string => values[flag] ?? environment[`ETCDCTL_${flag.toUpperCase()}`] ?? '';
  const tls = { caFile: of('cacert'), certFile: of('cert'), keyFile: of('key') };
  if ((tls.certFile === '') !== (tls.keyFile === '')) throw new ConfigError('--cert and --key (ETCDCTL_CERT and ETCDCTL_KEY) go together');
  return tls;
}

/**
 * `text` (a flag), else ETCDCTL_ENDPOINTS, else the one on this machine. Without a scheme it is HTTPS if there are certificates, as with etcdctl.
 * @throws ConfigError on what is no endpoint
 */
export function endpointsOf(text: string | undefined, environment: Environment, tls: ClientTls): readonly [Endpoint, ...Endpoint[]] {
  const byDefault = tls.caFile !== '' || tls.certFile !== '';
  const [first = '', ...more] = (text ?? environment['ETCDCTL_ENDPOINTS'] ?? '127.0.0.1:2379').split(',');
  return [parseEndpoint(first, byDefault), ...more.map((endpoint) => parseEndpoint(endpoint, byDefault))];
}

export interface Target {
  readonly endpoint: Endpoint;
  readonly tls: ClientTls;
  readonly timeout_ms: number;
}

interface Values extends TlsValues {
  readonly endpoint?: string | undefined;
  readonly timeout?: string | undefined;
}

/** @throws ConfigError */
export function targetOf(values: Values, environment: Environment, timeoutDefault_s: number): Target {
  const timeout_ms = Number(values.timeout ?? timeoutDefault_s) * 1_000;
  if (!(timeout_ms > 0)) throw new ConfigError(`--timeout must be a number of seconds, not ${values.timeout}`);
  const tls = clientTls(values, environment);
  return { endpoint: endpointsOf(values.endpoint, environment, tls)[0], tls, timeout_ms };
}

/** Asks an /admin/ page. @throws ConfigError with what the replica says */
export async function ask<T>({ endpoint, tls, timeout_ms }: Target, method: 'GET' | 'POST', path: string): Promise<T> {
  const { status, body } = await fetchPage(endpoint, tls, path, timeout_ms, method).catch((error: unknown) => {
    throw new ConfigError(`${endpoint.address}: ${error instanceof Error ? error.message : String(error)}`);
  });
  if (status === 200) return JSON.parse(body) as T;
  let said = body.trim();
  try {
    said = (JSON.parse(body) as { error?: string }).error ?? said;
  } catch {
    // Not JSON: a proxy, or an older version.
  }
  throw new ConfigError(`${endpoint.address}: ${said || `HTTP ${status}`}`);
}
