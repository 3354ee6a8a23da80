/** /metrics, /healthz and /readyz. */
import { createServer } from 'node:http';

export interface Health {
  close(): Promise<void>;
}

/** @throws if the address cannot be had */
export async function serveHealth({ host, port }: { readonly host: string; readonly port: number }, state: { ready(): boolean; metrics(): Promise<string> }): Promise<Health> {
  const server = createServer((request, response) => {
    const answer = (code: number, text: string): void => void response.writeHead(code, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' }).end(text);
    const { pathname } = new URL(request.url ?? '/', 'http://localhost');
    if (request.method !== 'GET') return answer(405, 'GET only\n');
    if (pathname === '/healthz') return answer(200, 'ok\n');
    if (pathname === '/readyz') return state.ready() ? answer(200, 'ok\n') : answer(503, 'not everything has been listed yet\n');
    if (pathname !== '/metrics') return answer(404, 'not found\n');
    state.metrics().then((text) => answer(200, text), (error: unknown) => answer(500, `${String(error)}\n`));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port, ...(host === '' ? {} : { host }) }, resolve);
  });
  return {
    close: () => new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    }),
  };
}
