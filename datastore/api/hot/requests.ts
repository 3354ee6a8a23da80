/** Decodes the KV service's requests into domain terms. Every function reads to the reader's end. */
import { Code, EtcdError } from '../../errors.ts';
import type {
  Compare,
  CompareTarget,
  DeleteRangeRequest,
  PutRequest,
  RangeRequest,
  RequestOp,
  TxnRequest,
} from '../../txn/types.ts';
import { Reader, errUnknownField } from './reader.ts';

const empty = Buffer.alloc(0);

export const decodeRange = (bytes: Buffer): RangeRequest => readRange(new Reader(bytes));
export const decodePut = (bytes: Buffer): PutRequest => readPut(new Reader(bytes));
export const decodeDeleteRange = (bytes: Buffer): DeleteRangeRequest => readDeleteRange(new Reader(bytes));
export const decodeTxn = (bytes: Buffer): TxnRequest => readTxn(new Reader(bytes));

function readRange(r: Reader): RangeRequest {
  let start = '';
  let end = '';
  let limit = 0;
  let revision = 0;
  let sortOrder = 0;
  let sortTarget = 0;
  let serializable = false;
  let keysOnly = false;
  let countOnly = false;
  let minModRevision = 0;
  let maxModRevision = 0;
  let minCreateRevision = 0;
  let maxCreateRevision = 0;
  for (let tag = r.tag(); tag !== 0; tag = r.tag()) {
    if (tag === 0x0a) start = r.latin1();
    else if (tag === 0x12) end = r.latin1();
    else if (tag === 0x18) limit = r.int64();
    else if (tag === 0x20) revision = r.int64();
    else if (tag === 0x28) sortOrder = r.int64();
    else if (tag === 0x30) sortTarget = r.int64();
    else if (tag === 0x38) serializable = r.bool();
    else if (tag === 0x40) keysOnly = r.bool();
    else if (tag === 0x48) countOnly = r.bool();
    else if (tag === 0x50) minModRevision = r.int64();
    else if (tag === 0x58) maxModRevision = r.int64();
    else if (tag === 0x60) minCreateRevision = r.int64();
    else if (tag === 0x68) maxCreateRevision = r.int64();
    else throw errUnknownField('RangeRequest', tag >>> 3);
  }
  return {
    range: { start, end: end === '' ? undefined : end },
    // etcd: nothing but a positive limit limits. A negative revision is the newest one, but inside a transaction it may count as compacted.
    limit: limit > 0 ? limit : 0,
    revision,
    sortOrder,
    sortTarget,
    serializable,
    keysOnly,
    countOnly,
    minModRevision,
    maxModRevision,
    minCreateRevision,
    maxCreateRevision,
  };
}

function readPut(r: Reader): PutRequest {
  let key = '';
  let value: Buffer = empty;
  let lease = 0n;
  let prevKv = false;
  let ignoreValue = false;
  let ignoreLease = false;
  for (let tag = r.tag(); tag !== 0; tag = r.tag()) {
    if (tag === 0x0a) key = r.latin1();
    else if (tag === 0x12) value = r.view();
    else if (tag === 0x18) lease = r.int64Big();
    else if (tag === 0x20) prevKv = r.bool();
    else if (tag === 0x28) ignoreValue = r.bool();
    else if (tag === 0x30) ignoreLease = r.bool();
    else throw errUnknownField('PutRequest', tag >>> 3);
  }
  return { key, value, lease, prevKv, ignoreValue, ignoreLease };
}

function readDeleteRange(r: Reader): DeleteRangeRequest {
  let start = '';
  let end = '';
  let prevKv = false;
  for (let tag = r.tag(); tag !== 0; tag = r.tag()) {
    if (tag === 0x0a) start = r.latin1();
    else if (tag === 0x12) end = r.latin1();
    else if (tag === 0x18) prevKv = r.bool();
    else throw errUnknownField('DeleteRangeRequest', tag >>> 3);
  }
  return { range: { start, end: end === '' ? undefined : end }, prevKv };
}

function readTxn(r: Reader): TxnRequest {
  const compare: Compare[] = [];
  const success: RequestOp[] = [];
  const failure: RequestOp[] = [];
  for (let tag = r.tag(); tag !== 0; tag = r.tag()) {
    if (tag !== 0x0a && tag !== 0x12 && tag !== 0x1a) throw errUnknownField('TxnRequest', tag >>> 3);
    const outer = r.enter();
    if (tag === 0x0a) compare.push(readCompare(r));
    else (tag === 0x12 ? success : failure).push(readRequestOp(r));
    r.leave(outer);
  }
  return { compare, success, failure };
}

function readRequestOp(r: Reader): RequestOp {
  let op: RequestOp | undefined;
  for (let tag = r.tag(); tag !== 0; tag = r.tag()) {
    if (tag !== 0x0a && tag !== 0x12 && tag !== 0x1a && tag !== 0x22) throw errUnknownField('RequestOp', tag >>> 3);
    const outer = r.enter();
    // A oneof: the last one counts.
    if (tag === 0x0a) op = { type: 'range', request: readRange(r) };
    else if (tag === 0x12) op = { type: 'put', request: readPut(r) };
    else if (tag === 0x1a) op = { type: 'delete', request: readDeleteRange(r) };
    else op = { type: 'txn', request: readTxn(r) };
    r.leave(outer);
  }
  // Refused by the transaction's validation, when its turn comes.
  return op ?? { type: 'empty' };
}

const results = ['equal', 'greater', 'less', 'notEqual'] as const;
const targets: readonly CompareTarget[] = ['version', 'create', 'mod', 'value', 'lease'];

function readCompare(r: Reader): Compare {
  let resultNumber = 0;
  let targetNumber = 0;
  let start = '';
  let end = '';
  let union = 0;
  let number = 0;
  let lease = 0n;
  let value: Buffer = empty;
  for (let tag = r.tag(); tag !== 0; tag = r.tag()) {
    if (tag === 0x08) resultNumber = r.int64();
    else if (tag === 0x10) targetNumber = r.int64();
    else if (tag === 0x1a) start = r.latin1();
    else if (tag === 0x20 || tag === 0x28 || tag === 0x30) {
      union = tag >>> 3;
      number = r.int64();
    } else if (tag === 0x3a) {
      union = 7;
      value = r.view();
    } else if (tag === 0x40) {
      union = 8;
      lease = r.int64Big();
    } else if (tag === 0x202) end = r.latin1();
    else throw errUnknownField('Compare', tag >>> 3);
  }
  const result = results[resultNumber];
  const target = targets[targetNumber];
  if (result === undefined) throw new EtcdError(Code.INVALID_ARGUMENT, `etcdserver: unknown compare result ${resultNumber}`);
  if (target === undefined) throw new EtcdError(Code.INVALID_ARGUMENT, `etcdserver: unknown compare target ${targetNumber}`);
  // The union's field for this target; any other reads as zero (Go's getters).
  const given = union === targetNumber + 4;
  return {
    range: { start, end: end === '' ? undefined : end },
    result,
    target,
    number: given && target !== 'value' && target !== 'lease' ? number : 0,
    lease: given && target === 'lease' ? lease : 0n,
    value: given && target === 'value' ? value : empty,
  };
}
