/** Raw requests to an apiserver: JSON over HTTP/1.1, plain objects both ways. */
import { request as httpRequest } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { Connection } from './connection.ts';
import type { KubeObject } from './objects.ts';

/** The apiserver answered, and not with 2xx. */
export class ApiError extends Error {
  readonly status: number;
  /** metav1.Status.reason: NotFound, AlreadyExists, Conflict, Expired, Forbidden, Invalid, … */
  readonly reason: string;
  /** metav1.Status.details.retryAfterSeconds, or the header. */
  readonly retryAfter_s: number | undefined;

  constructor(status: number, reason: string, message: string, retryAfter_s?: number) {
    super(message);
    this.name = 'ApiError';
    this.status = status;
    this.reason = reason;
    this.retryAfter_s = retryAfter_s;
  }
}

export const isNotFound = (error: unknown): boolean => error instanceof ApiError && error.status === 404;
export const isConflict = (error: unknown): boolean => error instanceof ApiError && error.status === 409;
/** The version to watch from has been compacted away, or is the future: list again. */
export const isExpired = (error: unknown): boolean => error instanceof ApiError && (error.status === 410 || error.reason === 'Expired' || error.reason === 'Gone');

export type Query = Readonly<Record<string, string | number | boolean | undefined>>;

export interface Call {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly query?: Query;
  readonly body?: object;
  /** Default application/json. */
  readonly contentType?: string;
  readonly signal?: AbortSignal;
}

/** What the rest of the operator asks of an apiserver. */
export interface KubeClient {
  /** @throws ApiError, or what the network said */
  call(call: Call): Promise<KubeObject>;
  /** The lines of a watch, each parsed. Ends when the server ends it; throws if the link breaks or stays silent for `silence_ms`. */
  stream(path: string, query: Query, silence_ms: number, signal: AbortSignal): AsyncIterable<unknown>;
}

const REQUEST_MS = 30_000;
const ANSWER_BYTES_MAX = 256 * 1_048_576;

function withQuery(path: string, query: Query = {}): string {
  const text = Object.entries(query).filter(([, value]) => value !== undefined).map(([name, value]) => `${name}=${encodeURIComponent(String(value))}`).join('&');
  return text === '' ? path : `${path}?${text}`;
}

async function readAll(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > ANSWER_BYTES_MAX) throw new Error('the answer is too large');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** What is wrong, from metav1.Status if it is one. */
export function errorFrom(status: number, body: string, header?: string): ApiError {
  try {
    const { reason, message, details } = JSON.parse(body) as { reason?: string; message?: string; details?: { retryAfterSeconds?: number } };
    return new ApiError(status, reason ?? '', message ?? `HTTP ${status}`, details?.retryAfterSeconds ?? (header === undefined ? undefined : Number(header)));
  } catch {
    return new ApiError(status, '', body.trim().slice(0, 300) || `HTTP ${status}`, header === undefined ? undefined : Number(header));
  }
}

/** @param onAnswer told of each request's status code; for metrics */
export function createClient(connection: Connection, userAgent: string, onAnswer: (method: string, code: string) => void = () => {}): KubeClient {
  const send = async (method: string, path: string, headers: Record<string, string>, body: string | undefined, signal: AbortSignal): Promise<IncomingMessage> => {
    const proof = await connection.headers();
    const options = { method, agent: connection.agent as never, signal, headers: { accept: 'application/json', 'user-agent': userAgent, ...headers, ...proof } };
    try {
      const response = await new Promise<IncomingMessage>((resolve, reject) => {
        const call = (connection.server.startsWith('http:') ? httpRequest : httpsRequest)(connection.server + path, options, resolve);
        call.on('error', reject);
        call.end(body);
      });
      onAnswer(method, String(response.statusCode));
      return response;
    } catch (error) {
      onAnswer(method, '<error>');
      throw error;
    }
  };
  return {
    async call({ method, path, query, body, contentType, signal }) {
      const limit = AbortSignal.timeout(REQUEST_MS);
      const text = body === undefined ? undefined : JSON.stringify(body);
      const headers = text === undefined ? {} : { 'content-type': contentType ?? 'application/json', 'content-length': String(Buffer.byteLength(text)) };
      const response = await send(method, withQuery(path, query), headers, text, signal === undefined ? limit : AbortSignal.any([limit, signal]));
      const answer = await readAll(response);
      const code = response.statusCode ?? 0;
      if (code < 200 || code > 299) throw errorFrom(code, answer, response.headers['retry-after']);
      return JSON.parse(answer) as KubeObject;
    },
    async *stream(path, query, silence_ms, signal) {
      const response = await send('GET', withQuery(path, query), {}, undefined, signal);
      const code = response.statusCode ?? 0;
      if (code !== 200) throw errorFrom(code, await readAll(response), response.headers['retry-after']);
      response.setTimeout(silence_ms, () => response.destroy(new Error(`the watch was silent for ${silence_ms / 1_000} s`)));
      response.setEncoding('utf8');
      let rest = '';
      for await (const chunk of response as AsyncIterable<string>) {
        rest += chunk;
        let from = 0;
        for (let end = rest.indexOf('\n'); end >= 0; end = rest.indexOf('\n', from)) {
          if (end > from) yield JSON.parse(rest.slice(from, end)) as unknown;
          from = end + 1;
        }
        rest = rest.slice(from);
      }
    },
  };
}
