/**
 * A link of its own between any two members, which can be cut, delayed and slowed down each way: a proxy for every ordered pair. All members are told the same
 * URLs; what a name in them leads to, each is told differently (by a DNS server or a hosts file of its own).
 */
import { TcpProxy, openWay } from './proxy.ts';
import type { Way } from './proxy.ts';

/** Where member `from` reaches member `to`: loopback addresses for each pair, so that all proxies before one member have the same port. */
const addressOf = (from: number, to: number): string => `127.${10 + from}.0.${to + 1}`;

export const hostOf = (member: number): string => `n${member}.test`;

/** The peer URL of a member, the same for all. @param ports by member */
export const urlOf = (ports: readonly number[], member: number): string => `http://${hostOf(member)}:${ports[member]}`;

/** What the names in the URLs lead to, for one of so many members. */
export const hostsOf = (count: number, member: number): ReadonlyMap<string, string> =>
  new Map(Array.from({ length: count }, (_, to) => [hostOf(to), to === member ? '127.0.0.1' : addressOf(member, to)]));

export class Pairs implements AsyncDisposable {
  /** Ports that stand in the URLs, by member. */
  readonly ports: readonly number[];
  readonly #proxies: (TcpProxy | null)[][];
  /** From member to member. */
  readonly #ways: Way[][];

  private constructor(ports: readonly number[], proxies: (TcpProxy | null)[][], ways: Way[][]) {
    this.ports = ports;
    this.#proxies = proxies;
    this.#ways = ways;
  }

  /**
   * @param targets where the members listen (127.0.0.1)
   * @param ports that the URLs name: free on all loopback addresses
   */
  static async start(targets: readonly number[], ports: readonly number[], delay_ms = 0): Promise<Pairs> {
    const ways = targets.map(() => targets.map(() => openWay(delay_ms)));
    const proxies = await Promise.all(targets.map((_, from) => Promise.all(targets.map((target, to) =>
      (from === to ? Promise.resolve(null) : TcpProxy.start(target, { host: addressOf(from, to), port: ports[to]!, forth: ways[from]![to]!, back: ways[to]![from]! }))))));
    return new Pairs(ports, proxies, ways);
  }

  get count(): number {
    return this.ports.length;
  }

  /** The peer URL of a member, the same for all. */
  url(member: number): string {
    return urlOf(this.ports, member);
  }

  /** What the names lead to, for one member. */
  hosts(member: number): ReadonlyMap<string, string> {
    return hostsOf(this.count, member);
  }

  way(from: number, to: number): Way {
    return this.#ways[from]![to]!;
  }

  shape(from: number, to: number, change: Partial<Way>): void {
    Object.assign(this.way(from, to), change);
  }

  /** Nothing gets through, and connections break; or, `silently`, they stay and nobody is told. */
  cut(a: number, b: number, silently: boolean): void {
    if (!silently) for (const proxy of this.#between(a, b)) proxy.cut();
    this.shape(a, b, { held: true });
    this.shape(b, a, { held: true });
  }

  /** Connections between the two break; new ones are let through. */
  reset(a: number, b: number): void {
    for (const proxy of this.#between(a, b)) proxy.reset();
  }

  heal(a: number, b: number): void {
    for (const proxy of this.#between(a, b)) proxy.heal();
    this.shape(a, b, { held: false, bytesPerSecond: Infinity });
    this.shape(b, a, { held: false, bytesPerSecond: Infinity });
  }

  /** A member is cut off from all others. */
  isolate(member: number, silently: boolean): void {
    for (let other = 0; other < this.count; other++) if (other !== member) this.cut(member, other, silently);
  }

  /** Everything is as at first, delays besides. */
  healAll(): void {
    for (let a = 0; a < this.count; a++) for (let b = a + 1; b < this.count; b++) this.heal(a, b);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const proxy of this.#proxies.flat()) await proxy?.stop();
  }

  #between(a: number, b: number): TcpProxy[] {
    return [this.#proxies[a]?.[b], this.#proxies[b]?.[a]].filter((proxy) => proxy !== null && proxy !== undefined);
  }
}
