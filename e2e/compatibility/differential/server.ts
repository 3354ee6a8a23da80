import { setTimeout as sleep } from 'node:timers/promises';
import type { Call } from './client.ts';
import { EtcdClient } from './client.ts';
import { callGateway } from './gateway.ts';
import { STREAMS } from './generate.ts';
import type { Operation } from './operations.ts';
import type { Plain } from './plain.ts';
import { RecordedStream } from './watching.ts';

/** One of the two servers being compared: carries out operations and says what came of them. */
export class Server {
  readonly #endpoint: string;
  readonly #restart: (kill: boolean) => Promise<void>;
  #client!: EtcdClient;
  #streams!: RecordedStream[];
  #revision = 1n;

  /** @param restart restarts the program; the reference needs none */
  constructor(endpoint: string, restart: (kill: boolean) => Promise<void> = () => Promise.resolve()) {
    this.#endpoint = endpoint;
    this.#restart = restart;
    this.#connect();
  }

  #connect(): void {
    this.#client = new EtcdClient(this.#endpoint);
    this.#streams = Array.from({ length: STREAMS }, () => new RecordedStream(this.#client));
  }

  /** The highest revision that any answer named. */
  get revision(): bigint {
    return this.#revision;
  }

  watchers(stream: number): bigint[] {
    return this.#streams[stream]!.active;
  }

  async execute(operation: Operation): Promise<Plain> {
    const answer = await this.#execute(operation);
    const header = (answer as { header?: { revision?: string } } | null)?.header?.revision;
    if (header !== undefined && BigInt(header) > this.#revision) this.#revision = BigInt(header);
    return answer;
  }

  async #execute(operation: Operation): Promise<Plain> {
    switch (operation.call) {
      case 'keepAlive':
        return normalize('keepAlive', await this.#client.keepAlive(operation.id));
      case 'watch':
        return this.#streams[operation.stream]!.create(operation.request);
      case 'cancel':
        await this.#streams[operation.stream]!.cancel(operation.watchId);
        return null;
      case 'reopen':
        this.#streams[operation.stream]!.close();
        this.#streams[operation.stream] = new RecordedStream(this.#client);
        return null;
      case 'restart':
        this.close();
        await this.#restart(operation.kill);
        this.#connect();
        return null;
      case 'wait':
        await sleep(operation.ms);
        return null;
      case 'settle':
        return Promise.all(this.#streams.map((stream) => stream.settle(this.#revision)));
      case 'rangeStream':
        return this.#client.rangeStream(operation.request);
      default: {
        const { call, request, gateway } = operation;
        return normalize(call, await (gateway === true ? callGateway(this.#endpoint, call, request) : this.#client.call(call, request)));
      }
    }
  }

  get violations(): string[] {
    return this.#streams.flatMap((stream) => stream.violations);
  }

  close(): void {
    for (const stream of this.#streams) stream.close();
    this.#client.close();
  }
}

/** Leaves out what two correct servers may answer differently: remaining seconds, the order of leases. */
function normalize(call: Call | 'keepAlive', answer: Plain): Plain {
  const fields = answer as { [name: string]: Plain };
  if (call === 'leaseTimeToLive') {
    const { TTL, keys, ...rest } = fields;
    const granted = Number(rest['grantedTTL'] ?? 0);
    const ttl = Number(TTL ?? 0);
    const near = ttl <= granted && ttl > granted - 600;
    return { ...rest, TTL: ttl === -1 ? -1 : near ? 'near what was granted' : ttl, ...(keys === undefined ? {} : { keys: [...(keys as string[])].sort() }) };
  }
  if (call === 'leaseLeases' && Array.isArray(fields['leases'])) {
    return { ...fields, leases: fields['leases'].map((lease) => JSON.stringify(lease)).sort() };
  }
  return answer;
}
