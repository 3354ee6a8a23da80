/** What the operator asks of a replica: the admin pages of its client port (docs/operations/membership.md). */
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { CLIENT_PORT } from '../desired/names.ts';

export interface PeerReport {
  readonly name: string;
  readonly connected: boolean;
  /** Age of the oldest own write that the peer has not reported as durable. */
  readonly lagSeconds: number;
}

export interface MemberReport {
  readonly id: string;
  readonly name: string;
  readonly slot: number;
  readonly log: string | null;
  readonly standing: 'voting' | 'added' | 'evicted';
}

/** `GET /admin/status`. */
export interface ReplicaReport {
  readonly name: string;
  readonly slot: number;
  readonly memberId: string;
  readonly log: string;
  readonly clusterId: string;
  readonly version: string;
  readonly revision: number;
  readonly serving: boolean;
  readonly why: string | null;
  /** leaving: it has asked to be a member no more, and serves no more. Older replicas do not say. */
  readonly drain: { readonly state: 'serving' | 'draining' | 'drained'; readonly leaving?: boolean; readonly lacking: readonly string[] };
  readonly configuration: { readonly number: number; readonly members: readonly MemberReport[] };
  readonly peers: readonly PeerReport[];
  readonly alarms: readonly string[];
}

/** Where a replica is, and how to prove who one is. */
export interface ReplicaAddress {
  readonly ip: string;
  /** What its certificate must name. */
  readonly host: string;
  /** null: plain HTTP. */
  readonly tls: { readonly ca: string; readonly cert: string; readonly key: string } | null;
}

/** The replica answered, and did not do it. */
export class ReplicaRefusal extends Error {}

export interface ReplicaApi {
  /** @throws when it cannot be reached in time */
  status(address: ReplicaAddress): Promise<ReplicaReport>;
  /** Begins to drain; does not wait. */
  drain(address: ReplicaAddress): Promise<void>;
  /** @throws ReplicaRefusal once it has asked to leave */
  undrain(address: ReplicaAddress): Promise<void>;
  /** @throws ReplicaRefusal unless it is drained */
  leave(address: ReplicaAddress): Promise<void>;
}

const BYTES_MAX = 1_048_576;

/** @param onOutcome for metrics */
export function httpReplicaApi(timeout_ms: number, onOutcome: (outcome: 'ok' | 'refused' | 'unreachable') => void): ReplicaApi {
  const ask = (address: ReplicaAddress, method: 'GET' | 'POST', path: string): Promise<unknown> => new Promise((resolve, reject) => {
    const { ip, host, tls } = address;
    const fail = (error: Error): void => {
      onOutcome(error instanceof ReplicaRefusal ? 'refused' : 'unreachable');
      reject(error);
    };
    const options = {
      method, path, host: ip, port: CLIENT_PORT, headers: { host }, agent: false as const, signal: AbortSignal.timeout(timeout_ms),
      ...(tls === null ? {} : { servername: host, ca: tls.ca, cert: tls.cert, key: tls.key }),
    };
    const call = (tls === null ? httpRequest : httpsRequest)(options, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        body += chunk;
        if (body.length > BYTES_MAX) call.destroy(new Error('the answer is too large'));
      });
      response.on('error', fail);
      response.on('end', () => {
        try {
          const answer = JSON.parse(body) as { error?: string };
          if (response.statusCode !== 200) return fail(new ReplicaRefusal(answer.error ?? `HTTP ${response.statusCode}`));
          onOutcome('ok');
          resolve(answer);
        } catch {
          fail(new Error(`${path}: HTTP ${response.statusCode}, not JSON`));
        }
      });
    });
    call.on('error', fail);
    call.end();
  });
  return {
    status: async (address) => (await ask(address, 'GET', '/admin/status')) as ReplicaReport,
    drain: async (address) => void (await ask(address, 'POST', '/admin/drain')),
    undrain: async (address) => void (await ask(address, 'POST', '/admin/undrain')),
    leave: async (address) => void (await ask(address, 'POST', '/admin/leave')),
  };
}
