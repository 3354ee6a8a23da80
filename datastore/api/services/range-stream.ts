/**
 * RangeStream (etcd 3.7): a range in chunks, all at the revision of the first. Header, more and count come with the last chunk.
 * The next chunk is read when the client has taken the one before, so a slow client costs one chunk of memory.
 */
import type { RangeRequest } from '../../txn/types.ts';
import type { ServiceContext } from '../context.ts';
import { encodeRangeChunk } from '../hot/answers.ts';
import type { StreamCall } from '../transport/types.ts';

/** etcd: initialStreamChunkLimit. */
const firstChunkKeys = 10;

/** How many keys the next chunk should have, so that its size comes near the largest request's. etcd: adjustChunkLimit. */
function adjusted(chunkKeys: number, bytes: number, requestBytesMax: number): number {
  if (bytes < requestBytesMax / 2) return chunkKeys * 2;
  return bytes > requestBytesMax * 2 ? Math.max(1, Math.floor(chunkKeys / 2)) : chunkKeys;
}

/**
 * A sort target other than the key, without an order. etcd sorts each chunk by itself and goes on behind the last key of it, so that
 * beyond the first chunk keys are left out or sent twice. Here the range is read and sorted whole, as Range does it, and only sent in
 * chunks: the same answer as etcd's up to one chunk, the right one beyond.
 */
export function streamSorted({ kv, header, requestBytesMax }: ServiceContext, request: RangeRequest, call: StreamCall): void {
  // By value, etcd reads the pairs whole and leaves out the values alone: `keysOnly` of the answer says which it is.
  const { revision, more, count, kvs, keysOnly } = kv.range(request);
  let sent = 0;
  let chunkKeys = firstChunkKeys;
  const next = () => {
    if (call.over) return;
    const chunk = kvs.slice(sent, sent + chunkKeys);
    sent += chunk.length;
    const frame = encodeRangeChunk(header, chunk, keysOnly, sent < kvs.length ? null : { revision, more, count });
    call.send(frame);
    if (sent >= kvs.length) return call.end();
    chunkKeys = adjusted(chunkKeys, frame.length, requestBytesMax);
    call.onDrain(next);
  };
  next();
}

export function streamRange({ kv, header, requestBytesMax }: ServiceContext, request: RangeRequest, call: StreamCall): void {
  const { keysOnly } = request;
  if (request.countOnly) {
    const { revision, count } = kv.range(request);
    call.send(encodeRangeChunk(header, [], keysOnly, { revision, more: false, count }));
    call.end();
    return;
  }
  let { start } = request.range;
  let { revision } = request;
  let headerRevision = 0;
  let sent = 0;
  let chunkKeys = firstChunkKeys;
  const total = request.limit === 0 ? Number.MAX_SAFE_INTEGER : request.limit;

  const next = () => {
    if (call.over) return;
    try {
      const limit = Math.min(chunkKeys, total - sent);
      const result = kv.range({ ...request, range: { start, end: request.range.end }, limit, revision });
      if (headerRevision === 0) {
        headerRevision = result.revision;
        if (revision === 0) revision = result.revision;
      }
      const before = sent;
      sent += result.kvs.length;
      const done = !result.more || sent >= total;
      // `count` of this read covers what is left, this chunk included.
      const last = done ? { revision: headerRevision, more: result.more, count: before + result.count } : null;
      const frame = encodeRangeChunk(header, result.kvs, keysOnly, last);
      call.send(frame);
      if (done) {
        call.end();
        return;
      }
      start = `${result.kvs.at(-1)!.key}\0`;
      chunkKeys = adjusted(chunkKeys, frame.length, requestBytesMax);
      call.onDrain(next);
    } catch (error) {
      call.end(error);
    }
  };
  next();
}
