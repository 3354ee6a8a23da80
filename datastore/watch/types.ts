import type { Change, KeyRange } from '../keyspace/types.ts';

export interface WatchCreate {
  readonly range: KeyRange;
  /** 0: from now on. */
  readonly startRevision: number;
  readonly progressNotify: boolean;
  readonly noPut: boolean;
  readonly noDelete: boolean;
  readonly prevKv: boolean;
  /** 0n: the server chooses. */
  readonly watchId: bigint;
  readonly fragment: boolean;
}

/** What a watch stream sends, in this order, nothing overtaking anything. The api layer encodes. */
export type WatchMessage =
  | { readonly type: 'created'; readonly watchId: bigint; readonly revision: number }
  /** Refused: sent as created + canceled with watch id -1. */
  | { readonly type: 'refused'; readonly reason: string; readonly revision: number; readonly watchId: bigint }
  | { readonly type: 'canceled'; readonly watchId: bigint; readonly reason: string; readonly compactRevision: number; readonly revision: number }
  /** All events of one or more whole revisions. */
  | { readonly type: 'events'; readonly watchId: bigint; readonly revision: number; readonly changes: readonly Change[]; readonly prevKv: boolean; readonly fragment: boolean }
  /** watchId -1n: the answer to a progress request of the stream. */
  | { readonly type: 'progress'; readonly watchId: bigint; readonly revision: number };

/** Where a stream's messages go. */
export interface WatchOutput {
  /** Sends now. */
  send(message: WatchMessage): void;
  /** Unsent bytes: above the limit the stream's watchers read history until it drains. */
  readonly bufferedBytes: number;
  /** Calls `fn` once, in a later turn, when the output has drained. */
  onDrain(fn: () => void): void;
  /** The hub ends the stream (drain, shutdown): the api closes the RPC with Unavailable, so that the client resumes elsewhere. Nothing is sent after it. */
  end(): void;
}

/** One Watch RPC. */
export interface WatchStream {
  create(request: WatchCreate): void;
  cancel(watchId: bigint): void;
  requestProgress(): void;
  /** The client went away. */
  close(): void;
}

export interface WatchHub {
  open(output: WatchOutput): WatchStream;
  /** Ends every stream resumably (drain, shutdown); later ones are ended as they open. */
  closeAll(): void;
  /** `slowWatchers`: behind the visible revision. `pendingEvents`: an upper bound on what they still have to read. `eventsSent`: a running total. */
  readonly stats: { watchers: number; slowWatchers: number; streams: number; pendingEvents: number; eventsSent: number };
}
