import type { Call } from './client.ts';

/** One step of a run: concrete, so that it can be printed, repeated and left out. */
export type Operation =
  | { readonly call: Call; readonly request: object; /** Over HTTP and JSON instead of gRPC. */ readonly gateway?: true }
  | { readonly call: 'rangeStream'; readonly request: object }
  | { readonly call: 'keepAlive'; readonly id: bigint }
  | { readonly call: 'watch'; readonly stream: number; readonly request: object }
  | { readonly call: 'cancel'; readonly stream: number; readonly watchId: bigint }
  | { readonly call: 'reopen'; readonly stream: number }
  /** The subject alone is stopped, or killed, and started again; both servers' streams are opened anew. */
  | { readonly call: 'restart'; readonly kill: boolean }
  /** For leases that expire. */
  | { readonly call: 'wait'; readonly ms: number }
  /** Waits until every watcher has been told everything, and compares what they were told. */
  | { readonly call: 'settle' };

/** For people: as JSON, bytes as text. */
export function describe(operation: Operation): string {
  return JSON.stringify(operation, (_, value: unknown) => {
    if (typeof value === 'bigint') return Number(value) <= Number.MAX_SAFE_INTEGER ? Number(value) : value.toString();
    if (value !== null && typeof value === 'object' && (value as { type?: string }).type === 'Buffer') {
      const { data } = value as unknown as { data: number[] };
      return data.length > 100 ? `<${data.length} bytes>` : Buffer.from(data).toString('latin1');
    }
    return value;
  });
}
