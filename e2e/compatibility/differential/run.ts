import type { Known } from './generate.ts';
import { Generator, STREAMS } from './generate.ts';
import type { Operation } from './operations.ts';
import type { Plain } from './plain.ts';
import { difference } from './plain.ts';
import { Random } from './random.ts';
import type { Server } from './server.ts';
import { withoutTies } from './ties.ts';

export interface Finding {
  /** Everything up to and including the operation that showed it. */
  readonly operations: readonly Operation[];
  readonly difference: string;
  readonly answers: readonly [Plain, Plain];
}

/** Feeds both servers the same operations, one after the other. Returns the first difference. */
export async function compare(reference: Server, subject: Server, operations: Iterable<Operation>, done?: (operation: Operation, answer: Plain) => void): Promise<Finding | undefined> {
  const past: Operation[] = [];
  for (const operation of operations) {
    past.push(operation);
    const [a, b] = await Promise.all([reference.execute(operation), subject.execute(operation)]);
    const answers = [withoutTies(operation, a), withoutTies(operation, b)] as const;
    const found = difference(...answers) ?? broken('reference', reference) ?? broken('subject', subject);
    if (found !== undefined) return { operations: past, difference: found, answers };
    done?.(operation, a);
  }
  return undefined;
}

const broken = (which: string, server: Server): string | undefined => (server.violations.length === 0 ? undefined : `${which} broke a rule: ${server.violations[0]}`);

/** `count` random operations; the generator follows what the reference answers. */
export function compareRandom(reference: Server, subject: Server, seed: number, count: number, progress?: (operation: Operation) => void): Promise<Finding | undefined> {
  const known: Known = { revision: 1n, compacted: 0n, leases: new Set(), leaders: new Map(), watchers: Array.from({ length: STREAMS }, () => []) };
  const generator = new Generator(new Random(seed), known);
  function* operations(): Iterable<Operation> {
    for (let i = 0; i < count; i++) {
      known.revision = reference.revision;
      for (let stream = 0; stream < STREAMS; stream++) known.watchers[stream] = reference.watchers(stream);
      yield generator.next();
    }
    yield* finale(known);
  }
  return compare(reference, subject, operations(), (operation, answer) => {
    progress?.(operation);
    learn(known, operation, answer);
  });
}

const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');
const EXPIRING = 5000n;

/** At the end of every run: leases that expire, and the whole history that is left. */
function* finale(known: Known): Iterable<Operation> {
  yield { call: 'settle' };
  yield { call: 'watch', stream: 0, request: { key: bytes('expiring'), range_end: bytes('expirinh'), prev_kv: true, watch_id: 98n } };
  yield { call: 'leaseGrant', request: { ID: EXPIRING, TTL: 1n } };
  for (const key of ['expiring/b', 'expiring/a', 'expiring/c']) yield { call: 'put', request: { key: bytes(key), lease: EXPIRING } };
  yield { call: 'put', request: { key: bytes('expiring/c') } };
  yield { call: 'leaseTimeToLive', request: { ID: EXPIRING, keys: true } };
  yield { call: 'wait', ms: 6000 };
  yield { call: 'range', request: { key: bytes('expiring'), range_end: bytes('expirinh') } };
  yield { call: 'keepAlive', id: EXPIRING };
  yield { call: 'put', request: { key: bytes('expiring/a'), lease: EXPIRING } };
  yield { call: 'settle' };
  const start_revision = known.compacted > 0n ? known.compacted : 1n;
  yield { call: 'watch', stream: 0, request: { key: bytes('\0'), range_end: bytes('\0'), start_revision, prev_kv: true, watch_id: 99n } };
  yield { call: 'settle' };
}

/** Both kinds: that of gRPC, and that of the JSON gateway. */
const isError = (answer: Plain): boolean => answer !== null && typeof answer === 'object' && ('error' in answer || 'status' in answer);

function learn(known: Known, operation: Operation, answer: Plain): void {
  if (isError(answer)) return;
  if (operation.call === 'compact') known.compacted = (operation.request as { revision: bigint }).revision;
  if (operation.call === 'leaseGrant') known.leases.add((operation.request as { ID: bigint }).ID);
  if (operation.call === 'campaign') {
    const { name, key, rev, lease } = (answer as { leader: { name: string; key: string; rev: string; lease: string } }).leader;
    known.leaders.set(name, { name: bytes(name), key: bytes(key), rev: BigInt(rev), lease: BigInt(lease) });
  }
  if (operation.call === 'leaseRevoke') known.leases.delete((operation.request as { ID: bigint }).ID);
}
