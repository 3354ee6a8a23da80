/** Where replicas that are processes of their own listen, for tests. */
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';

export interface Place {
  readonly name: string;
  readonly client: string;
  readonly peer: string;
}

/** A port of the loopback interface on which nobody listens now. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

export const place = async (name: string): Promise<Place> => ({ name, client: `http://127.0.0.1:${await freePort()}`, peer: `http://127.0.0.1:${await freePort()}` });

/** For `--initial-cluster`. */
export const clusterOf = (places: readonly Place[]): string => places.map((p) => `${p.name}=${p.peer}`).join(',');
