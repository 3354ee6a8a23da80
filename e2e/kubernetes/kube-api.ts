/** A small client of one kube-apiserver: JSON over HTTPS with a bearer token, and watches. Nothing is cached. */
import { Agent, request } from 'node:https';
import type { IncomingMessage } from 'node:http';

/** A Kubernetes object, as far as the tests look into it. */
export interface KubeObject {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly uid?: string;
    readonly resourceVersion?: string;
    readonly [field: string]: unknown;
  };
  readonly [field: string]: unknown;
}

export interface KubeList {
  readonly metadata: { readonly resourceVersion: string; readonly continue?: string };
  readonly items: KubeObject[];
}

export interface WatchEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';
  readonly object: KubeObject & { readonly code?: number; readonly message?: string };
}

/** The apiserver answered, and not with 2xx. */
export class KubeError extends Error {
  readonly status: number;
  constructor(status: number, path: string, body: string) {
    super(`${path}: ${status} ${body.slice(0, 500)}`);
    this.status = status;
  }
}

export class KubeApi {
  readonly url: string;
  private readonly token: string;
  // The apiserver signs its own certificate at each start: there is nothing to check it against.
  // No limit of sockets: each watch holds one for as long as it lasts.
  private readonly agent = new Agent({ keepAlive: true, rejectUnauthorized: false });

  constructor(url: string, token: string) {
    this.url = url;
    this.token = token;
  }

  get(path: string): Promise<unknown> {
    return this.json('GET', path);
  }

  async list(path: string): Promise<KubeList> {
    return (await this.get(path)) as KubeList;
  }

  create(path: string, object: object): Promise<unknown> {
    return this.json('POST', path, object);
  }

  /** JSON merge patch. */
  patch(path: string, patch: object): Promise<unknown> {
    return this.json('PATCH', path, patch, 'application/merge-patch+json');
  }

  /** Strategic merge patch: elements of lists by their merge keys. Not for custom resources. */
  patchStrategic(path: string, patch: object): Promise<unknown> {
    return this.json('PATCH', path, patch, 'application/strategic-merge-patch+json');
  }

  remove(path: string, options?: object): Promise<unknown> {
    return this.json('DELETE', path, options);
  }

  async text(path: string): Promise<string> {
    const response = await this.send('GET', path);
    const body = await readAll(response);
    if ((response.statusCode ?? 0) >= 300) throw new KubeError(response.statusCode ?? 0, path, body);
    return body;
  }

  /** Yields events until the server ends the watch or `signal` aborts. Throws on a refused watch. */
  async *watch(path: string, signal: AbortSignal): AsyncGenerator<WatchEvent> {
    const response = await this.send('GET', path, undefined, undefined, signal);
    if (response.statusCode !== 200) throw new KubeError(response.statusCode ?? 0, path, await readAll(response));
    let rest = '';
    response.setEncoding('utf8');
    for await (const chunk of response as AsyncIterable<string>) {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) if (line !== '') yield JSON.parse(line) as WatchEvent;
    }
  }

  close(): void {
    this.agent.destroy();
  }

  private async json(method: string, path: string, body?: object, type = 'application/json'): Promise<unknown> {
    const response = await this.send(method, path, body === undefined ? undefined : JSON.stringify(body), type);
    const text = await readAll(response);
    if ((response.statusCode ?? 0) >= 300) throw new KubeError(response.statusCode ?? 0, `${method} ${path}`, text);
    return JSON.parse(text) as unknown;
  }

  private send(method: string, path: string, body?: string, type?: string, signal?: AbortSignal): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const headers: Record<string, string> = { authorization: `Bearer ${this.token}`, accept: 'application/json' };
      if (type !== undefined) headers['content-type'] = type;
      // Node sends the body of a DELETE without its length, and the server takes it for the next request.
      if (body !== undefined) headers['content-length'] = String(Buffer.byteLength(body));
      const call = request(this.url + path, { method, headers, agent: this.agent, ...(signal ? { signal } : {}) }, resolve);
      call.on('error', reject);
      call.end(body);
    });
  }
}

async function readAll(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of response as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}
