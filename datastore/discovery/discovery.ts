/**
 * Where other replicas may be, by names that are looked up again and again: URLs whose names stand for all addresses that they have at the moment (a
 * headless Service, replicas of other sites), and DNS SRV records. Who is met at an address, the handshake says.
 */
import type { Resolver } from '../host/host.ts';
import type { Logger } from '../host/log.ts';

/** An SRV name, and how what it names is reached. */
export interface ServiceName {
  readonly name: string;
  readonly scheme: 'http' | 'https';
}

/** What to look up. */
export interface DiscoverySettings {
  /** Peer URLs. */
  readonly urls: readonly string[];
  readonly services: readonly ServiceName[];
}

/** Where somebody may be. `address` null: whatever the URL leads to. */
export interface Candidate {
  readonly url: string;
  readonly address: string | null;
}

/** A replica by an SRV record. */
export interface FoundMember {
  /** The first label of the record's target; all of it, if two records have the same first label. */
  readonly name: string;
  readonly url: string;
}

const hostOf = (url: string): string => new URL(url).hostname.replace(/^\[|\]$/g, '');
const errorText = (error: unknown): string => (error instanceof Error ? error.message : String(error));

export class Discovery {
  readonly #names: Resolver;
  readonly #settings: DiscoverySettings;
  readonly #log: Logger;
  #told = '';

  constructor(settings: DiscoverySettings, names: Resolver, log: Logger) {
    this.#settings = settings;
    this.#names = names;
    this.#log = log;
  }

  /** Is there anything to look up? */
  get used(): boolean {
    return this.#settings.urls.length > 0 || this.#settings.services.length > 0;
  }

  /** Every address that may be a replica's now, each once. What cannot be looked up is logged when it changes. Never rejects. */
  async find(): Promise<readonly Candidate[]> {
    const problems: string[] = [];
    const services = this.#settings.services.length === 0 ? [] : await this.members().catch((error: unknown) => {
      problems.push(errorText(error));
      return [];
    });
    const urls = [...new Set([...this.#settings.urls, ...services.map(({ url }) => url)])];
    const found = await Promise.all(urls.map(async (url) => {
      try {
        return (await this.#names.addresses(hostOf(url))).map((address): Candidate => ({ url, address }));
      } catch (error) {
        problems.push(errorText(error));
        return [];
      }
    }));
    this.#tell(problems);
    return found.flat();
  }

  /**
   * The replicas that SRV records name, sorted by name. As etcd: what one of the names has not, another may have.
   * @throws Error if none of them has any
   */
  async members(): Promise<readonly FoundMember[]> {
    const answers = await Promise.all(this.#settings.services.map(async ({ name, scheme }) => {
      try {
        return (await this.#names.services(name)).map(({ host, port }) => ({ host, url: `${scheme}://${host.includes(':') ? `[${host}]` : host}:${port}` }));
      } catch (error) {
        return errorText(error);
      }
    }));
    const found = answers.filter((answer) => typeof answer !== 'string').flat();
    if (found.length === 0) throw new Error(answers.join('; '));
    const label = (host: string): string => host.split('.')[0] ?? host;
    const distinct = new Set(found.map(({ host }) => label(host))).size === new Set(found.map(({ host }) => host)).size;
    return found.map(({ host, url }) => ({ name: distinct ? label(host) : host, url })).sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  #tell(problems: readonly string[]): void {
    const text = [...problems].sort().join('; ');
    if (text === this.#told) return;
    this.#told = text;
    if (text === '') this.#log.info('the names of other replicas can be looked up again');
    else this.#log.warn('names of other replicas cannot be looked up', { why: text });
  }
}
