/** Random transactions, and what they must have done to a history. */
import type { KeyRange } from '../../keyspace/types.ts';
import type { Compare, CompareTarget, RequestOp, TxnRequest, TxnResult } from '../../txn/types.ts';
import type { SimRandom } from '../sim-random.ts';
import { KEYS, randomRange, rangeRequest } from './clients.ts';
import { inRange } from './history.ts';
import type { History, SeenVersion } from './history.ts';
import { check } from './violation.ts';

const RESULTS = ['equal', 'greater', 'less', 'notEqual'] as const;
const TARGETS: readonly CompareTarget[] = ['version', 'create', 'mod', 'value', 'lease'];
const EMPTY = new Uint8Array(0);

export interface ClientWrite {
  readonly key: string;
  readonly value: Buffer | null;
  readonly lease: bigint;
}

export function randomTxn(random: SimRandom, history: History, value: () => Buffer, lease: () => bigint): TxnRequest {
  const free = new Set(KEYS);
  const key = (): string => {
    const picked = random.pick([...free]);
    free.delete(picked);
    return picked;
  };
  const op = (depth: number): RequestOp => {
    const draw = free.size === 0 ? 0.8 : random.float();
    if (draw < 0.5) return { type: 'put', request: { key: key(), value: value(), lease: lease(), prevKv: false, ignoreValue: false, ignoreLease: false } };
    if (draw < 0.7) return { type: 'delete', request: { range: { start: key() }, prevKv: false } };
    if (draw < 0.85 || depth > 1) return { type: 'range', request: rangeRequest(randomRange(random)) };
    return { type: 'txn', request: txn(depth + 1) };
  };
  const branch = (depth: number): RequestOp[] => Array.from({ length: random.below(4) }, () => op(depth));
  const txn = (depth: number): TxnRequest => ({ compare: Array.from({ length: random.below(3) }, () => randomCompare(random, history)), success: branch(depth), failure: branch(depth) });
  return txn(0);
}

function randomCompare(random: SimRandom, history: History): Compare {
  const start = random.pick(KEYS);
  const now = history.at(start, history.visible);
  const target = random.pick(TARGETS);
  const number = target === 'version' ? (now?.version ?? 0) : target === 'create' ? (now?.createRevision ?? 0) : (random.chance(0.2) ? (now?.originRevision ?? 0) : (now?.revision ?? 0));
  return { range: { start }, result: random.chance(0.6) ? 'equal' : random.pick(RESULTS), target, number, lease: now?.lease ?? 0n, value: now?.value ?? EMPTY };
}

/**
 * Compares an answer with the history: which branches were taken, what was read, what was written.
 * @returns the writes that the transaction must have made
 */
export function applyTxn(history: History, request: TxnRequest, result: TxnResult, wrote: (writes: number) => boolean): ClientWrite[] {
  // First as if it had written, at the state before; if it turns out that it wrote nothing, at the state that it names.
  const writes = run(history, request, result, result.revision - 1, false);
  return writes !== null && wrote(writes.length) ? writes : (run(history, request, result, result.revision, true) ?? []);
}

/** @returns null if the answer is another at this revision; with `must`, that is a violation */
function run(history: History, request: TxnRequest, result: TxnResult, base: number, must: boolean): ClientWrite[] | null {
  const writes = new Map<string, ClientWrite>();
  const wrong = (what: () => string): boolean => {
    check(!must, () => `a transaction at ${result.revision}: ${what()}`);
    return true;
  };
  const current = (key: string): { value: Buffer } | null => {
    const own = writes.get(key);
    if (own !== undefined) return own.value === null ? null : { value: own.value };
    const seen = history.at(key, base);
    return seen === null ? null : { value: seen.value! };
  };
  const keysIn = (range: KeyRange): string[] => {
    const keys = new Set(history.keysIn(range, base));
    for (const key of writes.keys()) if (inRange(key, range)) keys.add(key);
    return [...keys].filter((key) => current(key) !== null).sort();
  };
  const visit = (txn: TxnRequest, answer: TxnResult): boolean => {
    const succeeded = txn.compare.every((compare) => holds(compare, history.at(compare.range.start, base)));
    if (succeeded !== answer.succeeded) return !wrong(() => `the compares ${succeeded ? 'hold' : 'do not hold'} at ${base}, the answer says otherwise`);
    const ops = succeeded ? txn.success : txn.failure;
    if (ops.length !== answer.responses.length) return !wrong(() => `${answer.responses.length} answers to ${ops.length} operations`);
    for (const [i, op] of ops.entries()) {
      const response = answer.responses[i]!;
      if (op.type === 'put') {
        const { key, value, lease } = op.request;
        writes.set(key, { key, value: Buffer.from(value), lease });
      } else if (op.type === 'delete' && response.type === 'delete') {
        const keys = keysIn(op.request.range);
        if (keys.length !== response.deleted) return !wrong(() => `${response.deleted} keys deleted, there were ${keys.length}`);
        for (const key of keys) writes.set(key, { key, value: null, lease: 0n });
      } else if (op.type === 'range' && response.type === 'range') {
        const keys = keysIn(op.request.range);
        const same = response.kvs.map((kv) => kv.key).join() === keys.join() && response.kvs.every((kv) => current(kv.key)!.value.equals(kv.value));
        if (!same) return !wrong(() => `a range in it read ${response.kvs.map((kv) => kv.key).join()}, there were ${keys.join()}`);
      } else if (op.type === 'txn' && response.type === 'txn' && !visit(op.request, response)) return false;
    }
    return true;
  };
  return visit(request, result) ? [...writes.values()] : null;
}

function holds(compare: Compare, seen: SeenVersion | null): boolean {
  if (seen === null && compare.target === 'value') return false;
  let order: number;
  switch (compare.target) {
    case 'version':
      order = (seen?.version ?? 0) - compare.number;
      break;
    case 'create':
      order = (seen?.createRevision ?? 0) - compare.number;
      break;
    case 'mod':
      order = (seen?.revision ?? 0) - compare.number;
      // The revision that the write has at its author's replica names the very same write.
      if (order !== 0 && seen !== null && seen.originRevision === compare.number && (compare.result === 'equal' || compare.result === 'notEqual')) return compare.result === 'equal';
      break;
    case 'value':
      order = Buffer.compare(seen!.value!, compare.value);
      break;
    case 'lease':
      order = Number((seen?.lease ?? 0n) - compare.lease);
      break;
  }
  return compare.result === 'equal' ? order === 0 : compare.result === 'notEqual' ? order !== 0 : compare.result === 'greater' ? order > 0 : order < 0;
}
