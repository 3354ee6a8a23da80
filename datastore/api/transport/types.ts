/** What a service sees of the transport: calls, messages as bytes, frames. Nothing here knows etcd. */
import type { Code } from '../../errors.ts';
import type { Frame } from '../hot/writer.ts';
import type { Headers } from '../http2/hpack.ts';

export type MethodType = 'unary' | 'server_stream' | 'bidi_stream';

export interface MethodInfo {
  /** `etcdserverpb.KV`. */
  readonly service: string;
  readonly name: string;
  readonly type: MethodType;
}

/** The other end of a connection. */
export interface Peer {
  readonly address: string;
  /** Common name of the verified client certificate; null without one. */
  readonly commonName: string | null;
}

/** One RPC. */
export interface Call {
  readonly method: MethodInfo;
  /** Request metadata, names in lower case. */
  readonly metadata: Headers;
  readonly peer: Peer;
  /** The client went away, the deadline passed or the server ended the call: no answer is wanted any more. */
  readonly over: boolean;
  /** Calls `fn` once when the call is over before it was answered; at once if it is already. */
  onOver(fn: () => void): void;
}

/** One streaming RPC. */
export interface StreamCall extends Call {
  /** Sends in order; messages of one turn of the event loop leave together. */
  send(frame: Frame): void;
  /** Bytes given to `send` that have not left the process. */
  readonly bufferedBytes: number;
  /** Calls `fn` once when everything sent so far has left. */
  onDrain(fn: () => void): void;
  /** Ends the call: with OK, or with the error's status. Idempotent. */
  end(error?: unknown): void;
}

/** Answers with a frame, or throws or rejects: an `EtcdError` reaches the client as it is. */
export type UnaryHandler = (request: Buffer, call: Call) => Frame | Promise<Frame>;
export type ServerStreamHandler = (request: Buffer, call: StreamCall) => void;
/** `message`: the client sent one; `end`: it sends no more. Both may throw as a unary handler. */
export interface Receiver {
  message(request: Buffer): void;
  end(): void;
}
export type BidiHandler = (call: StreamCall) => Receiver;

export type Method = MethodInfo &
  (
    | { readonly type: 'unary'; readonly handle: UnaryHandler }
    | { readonly type: 'server_stream'; readonly handle: ServerStreamHandler }
    | { readonly type: 'bidi_stream'; readonly handle: BidiHandler }
  );

/** Told of every call, for metrics. Called synchronously on the hot path: keep it short. */
export interface CallObserver {
  started(method: MethodInfo): void;
  handled(method: MethodInfo, code: Code, seconds: number): void;
  received(method: MethodInfo, bytes: number): void;
  sent(method: MethodInfo, bytes: number): void;
}

export const unobserved: CallObserver = {
  started() {},
  handled() {},
  received() {},
  sent() {},
};
