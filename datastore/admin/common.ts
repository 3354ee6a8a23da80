/** The options that commands share which talk to one replica. */
import { ConfigError } from '../config/errors.ts';
import { fetchPage, parseEndpoint } from './client.ts';
import type { ClientTls, Endpoint } from './client.ts';

export const targetOptions = {
  endpoint: { type: 'string' }, timeout: { type: 'string' },
  cacert: { type: 'string', default: '' }, cert: { type: 'string', default: '' }, key: { type: 'string', default: '' }, help: { type: 'boolean', short: 'h', default: false },
} as const;

export interface Target {
  readonly endpoint: Endpoint;
  readonly tls: ClientTls;
  readonly timeout_ms: number;
}

interface Values {
  readonly endpoint?: string | undefined;
  readonly timeout?: string | undefined;
  readonly cacert: string;
  readonly cert: string;
  readonly key: string;
}

/** @throws ConfigError */
export function targetOf(values: Values, environment: Readonly<Record<string, string | undefined>>, timeoutDefault_s: number): Target {
  const timeout_ms = Number(values.timeout ?? timeoutDefault_s) * 1_000;
  if (!(timeout_ms > 0)) throw new ConfigError(`--timeout must be a number of seconds, not ${values.timeout}`);
  const tls = { caFile: values.cacert, certFile: values.cert, keyFile: values.key };
  const text = values.endpoint ?? environment['ETCDCTL_ENDPOINTS']?.split(',')[0] ?? '127.0.0.1:2379';
  return { endpoint: parseEndpoint(text, tls.caFile !== ''), tls, timeout_ms };
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
