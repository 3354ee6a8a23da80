/** Everything that is not gRPC: version, health, metrics and the JSON gateway. */
import type { Logger } from '../../host/log.ts';
import { type HttpHandler, type HttpRequest, type HttpResponse, sendError } from './types.ts';

export interface Routes {
  /** By exact path; GET (and HEAD) only. */
  readonly get: ReadonlyMap<string, HttpHandler>;
  /** By method and path, such as `POST /admin/drain`. No other origin's scripts are let in. */
  readonly admin?: ReadonlyMap<string, HttpHandler>;
  /** Everything under /v3/; null: not served here. */
  readonly gateway: HttpHandler | null;
}

export function router({ get, admin, gateway }: Routes, log: Logger): (request: HttpRequest, response: HttpResponse) => void {
  return (request, response) => {
    try {
      route(request, response);
    } catch (error) {
      log.error('an HTTP request failed unexpectedly', { path: request.url, error });
      sendError(response, 500, 'Internal Server Error');
    }
  };

  function route(request: HttpRequest, response: HttpResponse): void {
    const url = parse(request.url ?? '/');
    if (url === null) return sendError(response, 400, '400 Bad Request');
    const command = admin?.get(`${request.method} ${url.pathname}`);
    if (command !== undefined) return command(request, response, url);
    // etcd lets every origin in by default (--cors '*').
    response.setHeader('access-control-allow-origin', '*');
    response.setHeader('access-control-allow-methods', 'POST, GET, OPTIONS, PUT, DELETE');
    response.setHeader('access-control-allow-headers', 'accept, content-type, authorization');
    if (request.method === 'OPTIONS') {
      response.end();
      return;
    }
    // etcd keeps the old prefix alive.
    if (url.pathname.startsWith('/v3beta/')) url.pathname = url.pathname.replace('/v3beta/', '/v3/');
    if (gateway !== null && url.pathname.startsWith('/v3/')) return gateway(request, response, url);
    const handler = get.get(url.pathname);
    if (handler === undefined) return sendError(response, 404, '404 page not found');
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.setHeader('allow', 'GET');
      return sendError(response, 405, 'Method Not Allowed');
    }
    handler(request, response, url);
  }
}

function parse(target: string): URL | null {
  try {
    return new URL(target, 'http://localhost');
  } catch {
    return null;
  }
}
