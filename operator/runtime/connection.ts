/**
 * Where the apiserver is and how to prove who one is. In a pod: the service account, whose token the kubelet renews in its file. Elsewhere: a kubeconfig,
 * read by Kubernetes' own client library (contexts, certificates, tokens, exec plugins). That library is loaded only then: it costs 90 MB.
 */
import { existsSync, readFileSync } from 'node:fs';
import { Agent as HttpAgent } from 'node:http';
import { Agent } from 'node:https';
import type { Clock } from '../../datastore/host/host.ts';

export interface Connection {
  readonly server: string;
  readonly agent: Agent | HttpAgent;
  /** Headers that prove who one is, made anew for each request. */
  headers(): Promise<Readonly<Record<string, string>>>;
  /** Of the pod or the kubeconfig's context. */
  readonly namespace: string | undefined;
}

const ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';
const TOKEN_MS = 60_000;
const KEEP_ALIVE = { keepAlive: true, keepAliveMsecs: 15_000, scheduling: 'fifo' as const };

function inCluster(clock: Clock): Connection {
  const host = process.env['KUBERNETES_SERVICE_HOST'] ?? '';
  const port = process.env['KUBERNETES_SERVICE_PORT'] ?? '443';
  let token = '';
  let readAt = -Infinity;
  return {
    server: `https://${host.includes(':') ? `[${host}]` : host}:${port}`,
    agent: new Agent({ ...KEEP_ALIVE, ca: readFileSync(`${ACCOUNT}/ca.crt`) }),
    namespace: existsSync(`${ACCOUNT}/namespace`) ? readFileSync(`${ACCOUNT}/namespace`, 'utf8').trim() : undefined,
    headers() {
      if (clock.monotonicMs() - readAt > TOKEN_MS) {
        token = readFileSync(`${ACCOUNT}/token`, 'utf8').trim();
        readAt = clock.monotonicMs();
      }
      return Promise.resolve({ authorization: `Bearer ${token}` });
    },
  };
}

async function fromKubeconfig(path: string, context: string): Promise<Connection> {
  const { KubeConfig } = await import('@kubernetes/client-node');
  const config = new KubeConfig();
  if (path === '') config.loadFromDefault();
  else config.loadFromFile(path);
  if (context !== '') {
    if (config.getContextObject(context) === null) throw new Error(`${path === '' ? 'the kubeconfig' : path} has no context "${context}"`);
    config.setCurrentContext(context);
  }
  const cluster = config.getCurrentCluster();
  if (cluster === null) throw new Error(`${path === '' ? 'the kubeconfig' : path} names no cluster: it needs a current-context`);
  // Certificates do not change while it runs; a token may, so headers are asked for each time.
  const first: { [key: string]: unknown; headers?: Record<string, string> } = {};
  await config.applyToHTTPSOptions(first);
  const { ca, cert, key, pfx, passphrase, servername, rejectUnauthorized } = first as Record<string, string | undefined>;
  const secure = Object.fromEntries(Object.entries({ ca, cert, key, pfx, passphrase, servername, rejectUnauthorized }).filter(([, value]) => value !== undefined));
  return {
    server: cluster.server.replace(/\/$/, ''),
    agent: cluster.server.startsWith('http:') ? new HttpAgent(KEEP_ALIVE) : new Agent({ ...KEEP_ALIVE, ...secure }),
    namespace: config.getContextObject(config.getCurrentContext())?.namespace,
    async headers() {
      const options: { headers?: Record<string, string>; auth?: string } = {};
      await config.applyToHTTPSOptions(options);
      return { ...options.headers, ...(options.auth === undefined ? {} : { authorization: `Basic ${Buffer.from(options.auth).toString('base64')}` }) };
    },
  };
}

/**
 * @param kubeconfig its path; '': the pod's service account if there is one, else the default kubeconfig
 * @param context of the kubeconfig; '': its current one
 */
export function connect(kubeconfig: string, clock: Clock, context = ''): Promise<Connection> {
  const inPod = kubeconfig === '' && context === '' && process.env['KUBERNETES_SERVICE_HOST'] !== undefined && existsSync(`${ACCOUNT}/token`);
  return inPod ? Promise.resolve(inCluster(clock)) : fromKubeconfig(kubeconfig, context);
}
