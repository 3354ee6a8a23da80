/** Names in memory: what a test says they are, from then on. */
import type { Resolver, ServiceRecord } from '../host/host.ts';

export class MemoryNames implements Resolver {
  /** Addresses by host. */
  readonly hosts = new Map<string, readonly string[]>();
  /** SRV records by name. */
  readonly records = new Map<string, readonly ServiceRecord[]>();
  /** How many questions were asked. */
  asked = 0;

  addresses(host: string): Promise<readonly string[]> {
    this.asked++;
    if (/^[\d.]+$/.test(host)) return Promise.resolve([host]);
    return found(host, this.hosts.get(host));
  }

  services(name: string): Promise<readonly ServiceRecord[]> {
    this.asked++;
    return found(`SRV ${name}`, this.records.get(name));
  }
}

function found<T>(what: string, answer: readonly T[] | undefined): Promise<readonly T[]> {
  return answer === undefined || answer.length === 0 ? Promise.reject(new Error(`${what}: there is no such name`)) : Promise.resolve([...answer]);
}
