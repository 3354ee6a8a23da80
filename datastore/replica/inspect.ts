import * as Y from 'yjs';
import { MalformedError } from '../bytes.ts';
import { contentOf } from './items.ts';
import type { LogUpdate } from './log-doc.ts';
import { decodeRecord } from './record.ts';
import { incarnationOf, logName } from './types.ts';

/**
 * Looks into an update that came from outside before Yjs changes anything: a document cannot be rolled back.
 * @throws MalformedError unless it is one contiguous run of the owner's structs up to `toClock` whose records can all be decoded
 */
export function inspectUpdate({ log, fromClock, toClock, lamport, update }: LogUpdate): void {
  const fail = (what: string): never => {
    throw new MalformedError(`update of ${logName(log)}: ${what}`);
  };
  const client = incarnationOf(log);
  let decoded: ReturnType<typeof Y.decodeUpdate>;
  try {
    decoded = Y.decodeUpdate(update);
  } catch (error) {
    return fail(String(error));
  }
  let at = decoded.structs[0]?.id.clock ?? toClock;
  if (at > fromClock) fail('begins later than it says');
  for (const struct of decoded.structs) {
    if (struct.id.client !== client) fail('of another client');
    if (struct.id.clock !== at || (!(struct instanceof Y.Item) && !(struct instanceof Y.GC))) fail('has a gap');
    at += struct.length;
    const bytes = contentOf(struct);
    if (bytes === null) continue;
    const record = decodeRecord(bytes);
    if (record.log === log && record.lamport > lamport) fail('holds a record above its Lamport counter');
  }
  if (at !== toClock) fail('ends elsewhere than it says');
  for (const deleted of decoded.ds.clients.keys()) if (deleted !== client) fail('deletes of another client');
}
