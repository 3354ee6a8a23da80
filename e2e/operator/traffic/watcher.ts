/**
 * A client as client-go's reflector is one: lists, watches from there, resumes where a watch ended, and lists again only if it is told that its revision
 * is compacted. It notices a missing event by the versions of keys, which count by one.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import * as pb from '../../../datastore/api/generated/etcdserverpb/rpc.ts';
import { Rpc } from '../../robustness/shared/rpc.ts';
import { prefixEnd } from '../store.ts';

interface Known {
  readonly value: string;
  readonly version: bigint;
  readonly created: bigint;
}

/** As kube-apiserver's etcd client has it, but faster: a pod that is gone with its address sends nothing, not even an end. */
const KEEPALIVE = { 'grpc.keepalive_time_ms': 6_000, 'grpc.keepalive_timeout_ms': 3_000, 'grpc.keepalive_permit_without_calls': 1 };

export class Watcher {
  readonly problems: string[] = [];
  lists = 0;
  resumed = 0;
  events = 0;
  /** What it does at the moment, for messages. */
  doing = 'starting';
  private readonly urlOf: () => string | undefined;
  private readonly prefix: string;
  private readonly known = new Map<string, Known>();
  /** Where to go on; 0: list first. */
  next = 0n;
  /** The server has taken the watch: one that drains takes the connection, and refuses each watch. */
  connected = false;
  private rpc: Rpc | undefined;
  private stopped = false;
  private readonly done: Promise<void>;

  /** `urlOf`: where to connect, asked each time; undefined: nowhere at the moment. */
  constructor(urlOf: () => string | undefined, prefix: string) {
    this.urlOf = urlOf;
    this.prefix = prefix;
    this.done = this.loop();
  }

  async stop(): Promise<void> {
    this.stopped = true;
    this.rpc?.close();
    this.cancel?.();
    await this.done;
  }

  private cancel: (() => void) | undefined;

  /** What it differs in from `content`; at most five lines. */
  compare(content: ReadonlyMap<string, string>): string[] {
    const wrong: string[] = [];
    for (const [key, value] of content) if (this.known.get(key)?.value !== value) wrong.push(`${key} is ${value}, the watcher has ${this.known.get(key)?.value ?? 'nothing'}`);
    for (const key of this.known.keys()) if (!content.has(key)) wrong.push(`${key} is gone, the watcher has it`);
    return wrong.slice(0, 5);
  }

  private async loop(): Promise<void> {
    while (!this.stopped) {
      const url = this.urlOf();
      if (url !== undefined) {
        this.rpc = new Rpc(url, KEEPALIVE);
        try {
          this.doing = `connecting to ${url}`;
          // A pod's old address may swallow the first packet of a connection: rather ask again where the pod is now.
          await this.rpc.connected(3_000);
          this.doing = `watching ${url} from ${this.next}, since ${new Date().toISOString()}`;
          if (this.next === 0n) await this.list(this.rpc);
          await this.follow(this.rpc);
        } catch (error) {
          // It ended; a moment later it connects again.
          this.doing = `waiting after: ${String(error)}`;
        }
        this.connected = false;
        this.rpc.close();
      }
      if (!this.stopped) await sleep(100);
    }
  }

  private async list(rpc: Rpc): Promise<void> {
    const answer = await rpc.range(this.prefix, prefixEnd(this.prefix));
    this.lists++;
    this.known.clear();
    for (const kv of answer.kvs) this.known.set(kv.key.toString(), { value: kv.value.toString(), version: kv.version, created: kv.create_revision });
    this.next = (answer.header?.revision ?? 0n) + 1n;
  }

  /** Until the stream ends, which it does by an error. */
  private follow(rpc: Rpc): Promise<void> {
    return new Promise((resolve, reject) => {
      const call = rpc.watch();
      this.cancel = () => call.cancel();
      this.resumed++;
      call.on('error', reject);
      call.on('end', resolve);
      call.on('data', (response: pb.WatchResponse) => {
        if (response.canceled) {
          // Only a compaction may send a client back to the list.
          if (response.compact_revision > 0n) this.next = 0n;
          else this.problems.push(`a watch was cancelled: "${response.cancel_reason}"`);
          call.cancel();
          return;
        }
        this.connected = true;
        this.take(response);
      });
      call.write(pb.WatchRequest.fromPartial({
        request_union: { $case: 'create_request', value: pb.WatchCreateRequest.fromPartial({ key: Buffer.from(this.prefix), range_end: Buffer.from(prefixEnd(this.prefix)), start_revision: this.next }) },
      }));
    });
  }

  private take(response: pb.WatchResponse): void {
    for (const { type, kv } of response.events) {
      if (kv === undefined) continue;
      this.events++;
      const key = kv.key.toString();
      const before = this.known.get(key);
      if (kv.mod_revision < this.next) this.problems.push(`${key}@${kv.mod_revision} came again, or late: ${this.next} was next`);
      if (type === 1) {
        if (before === undefined) this.problems.push(`${key}@${kv.mod_revision}: deleted, and it was not there`);
        this.known.delete(key);
        continue;
      }
      const expected = before !== undefined && before.created === kv.create_revision ? before.version + 1n : 1n;
      if (before !== undefined && before.created !== kv.create_revision) this.problems.push(`${key}@${kv.mod_revision}: created again, and its deletion never came`);
      else if (kv.version !== expected) this.problems.push(`${key}@${kv.mod_revision}: version ${kv.version} after ${before?.version ?? 'nothing'}: an event is missing`);
      this.known.set(key, { value: kv.value.toString(), version: kv.version, created: kv.create_revision });
    }
    const last = response.events.at(-1)?.kv?.mod_revision;
    if (last !== undefined) this.next = last + 1n;
  }
}
