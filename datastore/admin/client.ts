/** What the commands ask of a replica: gRPC by grpc-js, pages by HTTP. */
import { readFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { Client, credentials } from '@grpc/grpc-js';
import type { ChannelCredentials } from '@grpc/grpc-js';
import { ConfigError } from '../config/errors.ts';
import { StatusRequest, StatusResponse } from '../api/generated/etcdserverpb/rpc.ts';

/** Paths of PEM files; '' for none. */
export interface ClientTls {
  readonly caFile: string;
  readonly certFile: string;
  readonly keyFile: string;
}

export interface Endpoint {
  /** host:port */
  readonly address: string;
  readonly tls: boolean;
}

/** `host:port`, `http://host:port` or `https://host:port`. Throws on anything else. */
export function parseEndpoint(text: string, tlsByDefault: boolean): Endpoint {
  const match = /^(?:(https?):\/\/)?([^/\s]+:\d+)\/?$/.exec(text.trim());
  if (match === null) throw new ConfigError(`"${text}" is no endpoint: host:port or a URL`);
  return { address: match[2] ?? '', tls: match[1] === undefined ? tlsByDefault : match[1] === 'https' };
}

const read = (path: string): Buffer | undefined => (path === '' ? undefined : readFileSync(path));

function channelCredentials(endpoint: Endpoint, tls: ClientTls): ChannelCredentials {
  if (!endpoint.tls) return credentials.createInsecure();
  return credentials.createSsl(read(tls.caFile) ?? null, read(tls.keyFile) ?? null, read(tls.certFile) ?? null);
}

interface Codec<T> {
  encode(message: T): { finish(): Uint8Array };
  decode(bytes: Uint8Array): T;
}

/** Maintenance.Status. Rejects with gRPC's error text. */
export function fetchStatus(endpoint: Endpoint, tls: ClientTls, timeout_ms: number): Promise<StatusResponse> {
  return call(endpoint, tls, '/etcdserverpb.Maintenance/Status', StatusRequest, StatusResponse, StatusRequest.create(), timeout_ms);
}

/** Any unary method. Rejects with gRPC's error text. */
export async function call<Q, A>(endpoint: Endpoint, tls: ClientTls, path: string, request: Codec<Q>, response: Codec<A>, message: Q, timeout_ms: number): Promise<A> {
  const client = new Client(endpoint.address, channelCredentials(endpoint, tls));
  try {
    return await new Promise<A>((resolve, reject) => {
      client.makeUnaryRequest(
        path,
        (value: Q) => Buffer.from(request.encode(value).finish()),
        (bytes: Buffer) => response.decode(bytes),
        message,
        { deadline: Date.now() + timeout_ms },
        (error, answer) => {
          if (error !== null) reject(new Error(error.details || error.message));
          else if (answer === undefined) reject(new Error('no answer'));
          else resolve(answer);
        },
      );
    });
  } finally {
    client.close();
  }
}

export interface HttpAnswer {
  readonly status: number;
  readonly body: string;
}

/** A page of the client port, such as /readyz. */
export function fetchPage(endpoint: Endpoint, tls: ClientTls, path: string, timeout_ms: number, method: 'GET' | 'POST' = 'GET'): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    const options = { method, timeout: timeout_ms, ca: read(tls.caFile), cert: read(tls.certFile), key: read(tls.keyFile) };
    const url = `${endpoint.tls ? 'https' : 'http'}://${endpoint.address}${path}`;
    const request = (endpoint.tls ? httpsRequest : httpRequest)(url, options, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (chunk: string) => { body += chunk; });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
      response.on('error', reject);
    });
    request.on('timeout', () => request.destroy(new Error(`no answer after ${timeout_ms} ms`)));
    request.on('error', reject);
    request.end();
  });
}
