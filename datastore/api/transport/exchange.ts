/** An HTTP request and its answer on an HTTP/2 stream: what handlers of HTTP/1.1 get, as far as they use it. */
import { EventEmitter } from 'node:events';
import type { HttpRequest, HttpResponse } from '../http/types.ts';
import { type Headers, encodeHeaders } from '../http2/hpack.ts';
import type { Stream, StreamHandler } from '../http2/stream.ts';

class Request extends EventEmitter implements HttpRequest {
  readonly method: string | undefined;
  readonly url: string | undefined;
  readonly headers: Headers;
  readonly #stream: Stream;

  constructor(stream: Stream, headers: Headers) {
    super();
    this.method = headers[':method'];
    this.url = headers[':path'];
    this.headers = headers;
    this.#stream = stream;
  }

  get socket() {
    return this.#stream.connection.socket;
  }
}

class Response extends EventEmitter implements HttpResponse {
  statusCode = 200;
  readonly #stream: Stream;
  readonly #headers = new Map<string, string>();
  #ended = false;

  constructor(stream: Stream) {
    super();
    this.#stream = stream;
  }

  setHeader(name: string, value: string): void {
    this.#headers.set(name.toLowerCase(), String(value));
  }

  write(chunk: string | Uint8Array): boolean {
    if (!this.#stream.headersSent) this.#stream.headers(encodeHeaders([[':status', String(this.statusCode)], ...this.#headers]), false);
    this.#stream.data(typeof chunk === 'string' ? Buffer.from(chunk) : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length));
    if (this.#stream.bufferedBytes === 0) return true;
    this.#stream.onDrain(() => this.emit('drain'));
    return false;
  }

  end(chunk: string | Uint8Array = ''): void {
    this.write(chunk);
    this.#ended = true;
    this.requestEnded();
  }

  /** The answer ends when the request has: a client that still sends is not cut off. */
  requestEnded(): void {
    if (this.#ended && this.#stream.remoteEnded) this.#stream.finish('data');
  }
}

export function http2Exchange(stream: Stream, headers: Headers): { handler: StreamHandler; request: HttpRequest; response: HttpResponse } {
  const request = new Request(stream, headers);
  const response = new Response(stream);
  const handler: StreamHandler = {
    data: (chunk) => void request.emit('data', chunk),
    halfClosed: () => {
      request.emit('end');
      response.requestEnded();
    },
    closed: () => void response.emit('close'),
  };
  return { handler, request, response };
}
