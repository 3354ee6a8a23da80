/** HTTP requests as handlers see them: HTTP/1.1 and HTTP/2 alike. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2';

export type HttpRequest = IncomingMessage | Http2ServerRequest;

/** What both kinds of response have in common. */
export interface HttpResponse {
  statusCode: number;
  setHeader(name: string, value: string): unknown;
  write(chunk: string | Uint8Array): boolean;
  end(chunk?: string | Uint8Array): unknown;
  once(event: 'close' | 'drain', fn: () => void): unknown;
}

export type HttpHandler = (request: HttpRequest, response: HttpResponse, url: URL) => void;

export const asResponse = (response: ServerResponse | Http2ServerResponse): HttpResponse => response as unknown as HttpResponse;

export function sendText(response: HttpResponse, statusCode: number, contentType: string, text: string): void {
  response.statusCode = statusCode;
  response.setHeader('content-type', contentType);
  response.setHeader('x-content-type-options', 'nosniff');
  response.end(text);
}

export const sendJson = (response: HttpResponse, statusCode: number, value: unknown) => sendText(response, statusCode, 'application/json', JSON.stringify(value));

/** As Go's http.Error. */
export const sendError = (response: HttpResponse, statusCode: number, text: string) => sendText(response, statusCode, 'text/plain; charset=utf-8', `${text}\n`);
