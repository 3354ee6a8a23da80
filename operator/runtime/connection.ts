/**
 * Where the apiserver is and how to prove who one is. In a pod: the service account, whose token the kubelet renews in its file. Elsewhere: a kubeconfig.
 * One that holds all it needs (a token or a client certificate) is read here; what runs other programs or renews tokens is for Kubernetes' own client
 * library, which is loaded only then: it costs 90 MB.
 */
import { existsSync, readFileSync } from 'node:fs';
import { Agent as HttpAgent } from 'node:http';
import { Agent } from 'node:https';
import { homedir } from 'node:os';
import { dirname, isAbsolute, join } from 'node:path';
import { load } from 'js-yaml';
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

interface Kubeconfig {
  readonly 'current-context'?: string;
  readonly contexts?: readonly { readonly name: string; readonly context: { readonly cluster: string; readonly user: string; readonly namespace?: string } }[];
  readonly clusters?: readonly { readonly name: string; readonly cluster: Readonly<Record<string, unknown>> }[];
  readonly users?: readonly { readonly name: string; readonly user: Readonly<Record<string, unknown>> }[];
}

const CLUSTER_FIELDS = ['server', 'certificate-authority', 'certificate-authority-data', 'insecure-skip-tls-verify', 'tls-server-name'];
const USER_FIELDS = ['token', 'client-certificate', 'client-certificate-data', 'client-key', 'client-key-data'];

/** null: it takes more than is done here. */
export function plainKubeconfig(path: string, text: string): Connection | null {
  if (text.trim() === '') return null;
  const config = load(text) as Kubeconfig | null | undefined;
  const context = config?.contexts?.find(({ name }) => name === config['current-context'])?.context;
  const cluster = config?.clusters?.find(({ name }) => name === context?.cluster)?.cluster;
  const user = config?.users?.find(({ name }) => name === context?.user)?.user ?? {};
  const server = cluster?.['server'];
  if (cluster === undefined || typeof server !== 'string') return null;
  if (Object.keys(cluster).some((field) => !CLUSTER_FIELDS.includes(field)) || Object.keys(user).some((field) => !USER_FIELDS.includes(field))) return null;
  const material = (from: Readonly<Record<string, unknown>>, field: string): Buffer | undefined => {
    const [inline, file] = [from[`${field}-data`], from[field]];
    if (typeof inline === 'string') return Buffer.from(inline, 'base64');
    return typeof file === 'string' ? readFileSync(isAbsolute(file) ? file : join(dirname(path), file)) : undefined;
  };
  const tls = {
    ca: material(cluster, 'certificate-authority'), cert: material(user, 'client-certificate'), key: material(user, 'client-key'),
    servername: cluster['tls-server-name'] as string | undefined, rejectUnauthorized: cluster['insecure-skip-tls-verify'] === true ? false : undefined,
  };
  const token = user['token'];
  return {
    server: server.replace(/\/$/, ''),
    agent: server.startsWith('http:') ? new HttpAgent(KEEP_ALIVE) : new Agent({ ...KEEP_ALIVE, ...Object.fromEntries(Object.entries(tls).filter(([, value]) => value !== undefined)) }),
    headers: () => Promise.resolve(typeof token === 'string' ? { authorization: `Bearer ${token}` } : {}),
    namespace: context?.namespace,
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
  if (inPod) return Promise.resolve(inCluster(clock));
  const path = kubeconfig || process.env['KUBECONFIG'] || join(homedir(), '.kube/config');
  const plain = context === '' && existsSync(path) ? plainKubeconfig(path, readFileSync(path, 'utf8')) : null;
  return plain === null ? fromKubeconfig(kubeconfig, context) : Promise.resolve(plain);
}
