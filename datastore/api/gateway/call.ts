/** An RPC that came as JSON over HTTP: the same methods are called with the same bytes as through gRPC. */
import { Code, EtcdError } from '../../errors.ts';
import { type Frame, framePrefix } from '../hot/writer.ts';
import type { HttpResponse } from '../http/types.ts';
import type { Headers } from '../http2/hpack.ts';
import { type Status, statusOf } from '../transport/status.ts';
import type { Method, Peer, StreamCall } from '../transport/types.ts';

/** google.rpc.Code → HTTP status, as grpc-gateway has it. */
const httpStatus: Readonly<Record<Code, number>> = {
  [Code.OK]: 200,
  [Code.CANCELLED]: 499,
  [Code.UNKNOWN]: 500,
  [Code.INVALID_ARGUMENT]: 400,
  [Code.DEADLINE_EXCEEDED]: 504,
  [Code.NOT_FOUND]: 404,
  [Code.ALREADY_EXISTS]: 409,
  [Code.PERMISSION_DENIED]: 403,
  [Code.RESOURCE_EXHAUSTED]: 429,
  [Code.FAILED_PRECONDITION]: 400,
  [Code.ABORTED]: 409,
  [Code.OUT_OF_RANGE]: 400,
  [Code.UNIMPLEMENTED]: 501,
  [Code.INTERNAL]: 500,
  [Code.UNAVAILABLE]: 503,
  [Code.DATA_LOSS]: 500,
  [Code.UNAUTHENTICATED]: 401,
};

export interface GatewayCallOptions {
  readonly method: Method;
  readonly metadata: Headers;
  readonly peer: Peer;
  readonly response: HttpResponse;
  /** The frame's message as JSON. */
  readonly json: (message: Uint8Array) => unknown;
  /** Runs `fn` in a later turn. */
  readonly soon: (fn: () => void) => void;
  readonly handled: (status: Status) => void;
  /** Something was thrown that is no `EtcdError`. */
  readonly fault: (error: unknown) => void;
}

export class GatewayCall implements StreamCall {
  readonly method: Method;
  readonly metadata: Headers;
  readonly peer: Peer;
  readonly #options: GatewayCallOptions;
  #over = false;
  #headersSent = false;
  #overs: (() => void)[] = [];
  /** Bytes since the response asked to wait. */
  #waiting = 0;

  constructor(options: GatewayCallOptions) {
    this.#options = options;
    this.method = options.method;
    this.metadata = options.metadata;
    this.peer = options.peer;
    options.response.once('close', () => this.#settle({ code: Code.CANCELLED, message: 'context canceled' }));
  }

  get over(): boolean {
    return this.#over;
  }

  onOver(fn: () => void): void {
    if (this.#over) fn();
    else this.#overs.push(fn);
  }

  get bufferedBytes(): number {
    return this.#waiting;
  }

  /** The answer of a unary call. */
  answer(frame: Frame): void {
    if (this.#over) return;
    const { response } = this.#options;
    const text = JSON.stringify(this.#options.json(frame.subarray(framePrefix)));
    response.setHeader('content-type', 'application/json');
    response.setHeader('grpc-metadata-content-type', 'application/grpc');
    this.#settle({ code: Code.OK, message: '' });
    response.end(text);
  }

  send(frame: Frame): void {
    if (this.#over) return;
    this.#write(`${JSON.stringify({ result: this.#options.json(frame.subarray(framePrefix)) })}\n`);
  }

  onDrain(fn: () => void): void {
    if (this.#waiting === 0) this.#options.soon(fn);
    else {
      this.#options.response.once('drain', () => {
        this.#waiting = 0;
        fn();
      });
    }
  }

  end(error?: unknown): void {
    if (this.#over) return;
    const { response } = this.#options;
    if (error === undefined) {
      this.#settle({ code: Code.OK, message: '' });
      response.end();
      return;
    }
    if (!(error instanceof EtcdError)) this.#options.fault(error);
    const status = statusOf(error);
    const body = { code: status.code, message: status.message };
    if (this.#headersSent) this.#write(`${JSON.stringify({ error: body })}\n`);
    this.#settle(status);
    if (this.#headersSent) response.end();
    else {
      response.statusCode = httpStatus[status.code];
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify(body));
    }
  }

  #write(text: string): void {
    const { response } = this.#options;
    if (!this.#headersSent) {
      this.#headersSent = true;
      response.setHeader('content-type', 'application/json');
      response.setHeader('grpc-metadata-content-type', 'application/grpc');
    }
    if (!response.write(text)) this.#waiting += text.length;
  }

  #settle(status: Status): void {
    if (this.#over) return;
    this.#over = true;
    this.#options.handled(status);
    const overs = this.#overs;
    this.#overs = [];
    for (const fn of overs) fn();
  }
}
