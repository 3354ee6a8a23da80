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
  const known: Known = { revision: 1n, compacted: 0n, leases: new Set(), watchers: Array.from({ length: STREAMS }, () => []) };
  const generator = new Generator(new Random(seed), known);
  function* operations(): Iterable<Operation> {
    for (let i = 0; i < count; i++) {
      known.revision = reference.revision;
      for (let stream = 0; stream < STREAMS; stream++) known.watchers[stream] = reference.watchers(stream);
      yield generator.next();
    }
    yield { call: 'settle' };
    // Whatever happened: the whole history that is left must be the same.
    yield { call: 'watch', stream: 0, request: { key: Buffer.from('\0'), range_end: Buffer.from('\0'), start_revision: known.compacted > 0n ? known.compacted : 1n, prev_kv: true, watch_id: 99n } };
    yield { call: 'settle' };
  }
  return compare(reference, subject, operations(), (operation, answer) => {
    progress?.(operation);
    learn(known, operation, answer);
  });
}

function learn(known: Known, operation: Operation, answer: Plain): void {
  if (answer !== null && typeof answer === 'object' && 'error' in answer) return;
  if (operation.call === 'compact') known.compacted = (operation.request as { revision: bigint }).revision;
  if (operation.call === 'leaseGrant') known.leases.add((operation.request as { ID: bigint }).ID);
  if (operation.call === 'leaseRevoke') known.leases.delete((operation.request as { ID: bigint }).ID);
}
