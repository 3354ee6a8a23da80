/** HTTP requests as handlers see them: HTTP/1.1 and HTTP/2 alike. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';

export interface HttpRequest {
  readonly method?: string | undefined;
  /** The path with its query. */
  readonly url?: string | undefined;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly socket: Duplex;
  on(event: 'data', fn: (chunk: Buffer) => void): unknown;
  on(event: 'end', fn: () => void): unknown;
  on(event: 'error', fn: (error: Error) => void): unknown;
}

/** What node:http's responses and ours on HTTP/2 have in common. */
export interface HttpResponse {
  statusCode: number;
  setHeader(name: string, value: string): unknown;
  write(chunk: string | Uint8Array): boolean;
  end(chunk?: string | Uint8Array): unknown;
  once(event: 'close' | 'drain', fn: () => void): unknown;
}

export type HttpHandler = (request: HttpRequest, response: HttpResponse, url: URL) => void;

export const asRequest = (request: IncomingMessage): HttpRequest => request as unknown as HttpRequest;
export const asResponse = (response: ServerResponse): HttpResponse => response as unknown as HttpResponse;

export function sendText(response: HttpResponse, statusCode: number, contentType: string, text: string): void {
  response.statusCode = statusCode;
  response.setHeader('content-type', contentType);
  response.setHeader('x-content-type-options', 'nosniff');
  response.end(text);
}

export const sendJson = (response: HttpResponse, statusCode: number, value: unknown) => sendText(response, statusCode, 'application/json', JSON.stringify(value));

/** As Go's http.Error. */
export const sendError = (response: HttpResponse, statusCode: number, text: string) => sendText(response, statusCode, 'text/plain; charset=utf-8', `${text}\n`);
