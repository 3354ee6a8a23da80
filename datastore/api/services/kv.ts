import { Code, EtcdError, errEmptyKey, errInvalidSortOption, errRequestTooLarge } from '../../errors.ts';
import type { RangeRequest, RequestOp, TxnRequest } from '../../txn/types.ts';
import type { ServiceContext } from '../context.ts';
import { CompactionRequest } from '../generated/etcdserverpb/rpc.ts';
import { encodeDeleteRange, encodeHeaderOnly, encodePut, encodeRange, encodeTxn } from '../hot/answers.ts';
import { decodeDeleteRange, decodePut, decodeRange, decodeTxn } from '../hot/requests.ts';
import type { Method, StreamCall } from '../transport/types.ts';
import { streamRange, streamSorted } from './range-stream.ts';
import { decodeRequest } from './rpc.ts';

/** What a request grows by in etcd's Raft log, which is what etcd measures against --max-request-bytes. */
const envelopeBytes = 18;

const service = 'etcdserverpb.KV';

export function kvService(context: ServiceContext): Method[] {
  const { kv, header, requestBytesMax } = context;
  const fits = (bytes: Buffer) => {
    if (bytes.length + envelopeBytes > requestBytesMax) throw errRequestTooLarge();
  };
  return [
    { service, name: 'Range', type: 'unary', handle: (bytes) => encodeRange(header, kv.range(decodeRange(bytes))) },
    { service, name: 'RangeStream', type: 'server_stream', handle: (bytes, call) => rangeStream(context, decodeRange(bytes), call) },
    {
      service,
      name: 'Put',
      type: 'unary',
      handle: (bytes) => {
        const request = decodePut(bytes);
        fits(bytes);
        return kv.put(request).then((result) => encodePut(header, result));
      },
    },
    {
      service,
      name: 'DeleteRange',
      type: 'unary',
      handle: (bytes) => {
        const request = decodeDeleteRange(bytes);
        fits(bytes);
        return kv.deleteRange(request).then((result) => encodeDeleteRange(header, result));
      },
    },
    {
      service,
      name: 'Txn',
      type: 'unary',
      handle: (bytes) => {
        const request = decodeTxn(bytes);
        // A transaction that only reads does not pass etcd's Raft log, so its size is not limited.
        if (bytes.length + envelopeBytes > requestBytesMax && writes(request)) fits(bytes);
        return kv.txn(request).then((result) => encodeTxn(header, result));
      },
    },
    {
      service,
      name: 'Compact',
      type: 'unary',
      handle: async (bytes) => {
        const { revision, physical } = decodeRequest(CompactionRequest, 'CompactionRequest', bytes);
        const done = await kv.compact(saturate(revision), physical);
        return encodeHeaderOnly(header, done.revision);
      },
    },
  ];
}

function writes({ success, failure }: TxnRequest): boolean {
  const op = (each: RequestOp): boolean => each.type === 'put' || each.type === 'delete' || (each.type === 'txn' && writes(each.request));
  return success.some(op) || failure.some(op);
}

/** An int64 as a number; beyond 2^53 − 1 it saturates. */
export function saturate(value: bigint): number {
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) return Number.MAX_SAFE_INTEGER;
  return value < BigInt(Number.MIN_SAFE_INTEGER) ? Number.MIN_SAFE_INTEGER : Number(value);
}

/** etcd 3.7: v3rpc/key.go, checkRangeStreamRequest. */
function rangeStream(context: ServiceContext, request: RangeRequest, call: StreamCall): void {
  if (request.range.start === '') throw errEmptyKey();
  if (request.sortOrder < 0 || request.sortOrder > 2 || request.sortTarget < 0 || request.sortTarget > 4) throw errInvalidSortOption();
  const { sortOrder, sortTarget } = request;
  if (sortOrder === 2 || (sortOrder === 1 && sortTarget !== 0)) throw new EtcdError(Code.UNIMPLEMENTED, 'RangeStream does not support custom sort orders');
  if (request.minModRevision !== 0 || request.maxModRevision !== 0 || request.minCreateRevision !== 0 || request.maxCreateRevision !== 0) {
    throw new EtcdError(Code.UNIMPLEMENTED, 'RangeStream does not support revision filters');
  }
  if (sortTarget === 0 || request.countOnly) streamRange(context, request, call);
  else streamSorted(context, request, call);
}
