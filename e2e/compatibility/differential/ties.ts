/**
 * etcd sorts with an algorithm that keeps no order among equals once there are more than 12. Where an answer depends on that, it is
 * brought into one order, or, where a limit cuts through equals, not compared.
 */
import type { Operation } from './operations.ts';
import type { Plain } from './plain.ts';

const STABLE_UP_TO = 12;
type Fields = { [name: string]: Plain };
interface Request {
  readonly sort_target?: number;
  readonly limit?: bigint;
}

export function withoutTies(operation: Operation, answer: Plain): Plain {
  if (operation.call === 'range') return range(operation.request as Request, answer);
  if (operation.call === 'txn') return txn(operation.request, answer);
  return answer;
}

function range(request: Request, answer: Plain): Plain {
  const fields = answer as Fields;
  if (Number(fields['count'] ?? 0) <= STABLE_UP_TO || !Array.isArray(fields['kvs']) || (request.sort_target ?? 0) === 0) return answer;
  if (request.limit !== 0n) return { ...fields, kvs: 'equals cut by a limit' };
  return { ...fields, kvs: fields['kvs'].map((kv) => JSON.stringify(kv)).sort() };
}

interface Txn {
  readonly success: readonly { readonly request?: { readonly $case: string; readonly value: object } }[];
  readonly failure: Txn['success'];
}

function txn(request: object, answer: Plain): Plain {
  const fields = answer as Fields;
  const { responses } = fields;
  if (!Array.isArray(responses)) return answer;
  const taken = fields['succeeded'] === true ? (request as Txn).success : (request as Txn).failure;
  return {
    ...fields,
    responses: responses.map((item, i) => {
      const asked = taken[i]?.request;
      const { response } = item as { response?: Fields };
      if (asked === undefined || response === undefined) return item;
      if (asked.$case === 'request_range') return { response: { ...response, value: range(asked.value as Request, response['value'] ?? null) } };
      if (asked.$case === 'request_txn') return { response: { ...response, value: txn(asked.value, response['value'] ?? null) } };
      return item;
    }),
  };
}
