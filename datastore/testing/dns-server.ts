/** A DNS server on the loopback that answers A, AAAA and SRV questions from a table; what is not in it does not exist. */
import { createSocket } from 'node:dgram';
import type { Socket } from 'node:dgram';
import { isIPv4, isIPv6 } from 'node:net';

const TYPE = { A: 1, AAAA: 28, SRV: 33 } as const;
const RESPONSE = 0x8580;
const NO_SUCH_NAME = 3;

const encodeName = (name: string): Buffer => Buffer.concat([...name.split('.').filter((label) => label !== '').map((label) => Buffer.concat([Buffer.of(label.length), Buffer.from(label)])), Buffer.of(0)]);

function encodeIpv6(address: string): Buffer {
  const [head = '', tail = ''] = address.split('::');
  const words = (text: string): number[] => text.split(':').filter((word) => word !== '').map((word) => Number.parseInt(word, 16));
  const left = words(head);
  const right = words(tail);
  const bytes = Buffer.alloc(16);
  [...left, ...new Array<number>(8 - left.length - right.length).fill(0), ...right].forEach((word, i) => bytes.writeUInt16BE(word, i * 2));
  return bytes;
}

export class DnsServer {
  /** Addresses by host name. Change it at any time. */
  readonly hosts = new Map<string, readonly string[]>();
  readonly services = new Map<string, readonly { readonly host: string; readonly port: number }[]>();
  /** True: no answers at all. */
  silent = false;
  questions = 0;
  readonly #socket: Socket = createSocket('udp4');

  static async start(): Promise<DnsServer> {
    const server = new DnsServer();
    server.#socket.on('message', (message, from) => {
      server.questions++;
      if (!server.silent) server.#socket.send(server.#answer(message), from.port, from.address);
    });
    await new Promise<void>((resolve) => server.#socket.bind(0, '127.0.0.1', resolve));
    return server;
  }

  /** IP:port. */
  get address(): string {
    return `127.0.0.1:${this.#socket.address().port}`;
  }

  stop(): Promise<void> {
    return new Promise((resolve) => this.#socket.close(() => resolve()));
  }

  #answer(message: Buffer): Buffer {
    const labels: string[] = [];
    let at = 12;
    for (let length = message[at] ?? 0; length !== 0; length = message[at] ?? 0) {
      labels.push(message.toString('latin1', at + 1, at + 1 + length));
      at += 1 + length;
    }
    const question = message.subarray(12, at + 5);
    const type = message.readUInt16BE(at + 1);
    const name = labels.join('.').toLowerCase();
    const known = this.hosts.has(name) || this.services.has(name);
    const hosts = this.hosts.get(name) ?? [];
    const data = type === TYPE.A ? hosts.filter(isIPv4).map((address) => Buffer.from(address.split('.').map(Number)))
      : type === TYPE.AAAA ? hosts.filter(isIPv6).map(encodeIpv6)
        : type === TYPE.SRV ? (this.services.get(name) ?? []).map(({ host, port }) => Buffer.concat([Buffer.of(0, 0, 0, 0, port >> 8, port & 255), encodeName(host)]))
          : [];
    const header = Buffer.alloc(12);
    header.writeUInt16BE(message.readUInt16BE(0), 0);
    header.writeUInt16BE(RESPONSE | (known ? 0 : NO_SUCH_NAME), 2);
    header.writeUInt16BE(1, 4);
    header.writeUInt16BE(data.length, 6);
    // Name: a pointer to the question's. Class IN, time to live 0.
    const records = data.map((bytes) => Buffer.concat([Buffer.of(0xc0, 12, 0, type, 0, 1, 0, 0, 0, 0, bytes.length >> 8, bytes.length & 255), bytes]));
    return Buffer.concat([header, question, ...records]);
  }
}
