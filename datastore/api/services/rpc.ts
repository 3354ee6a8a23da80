/** Methods whose messages go through the generated codecs: everything that is not hot. */
import { EtcdError } from '../../errors.ts';
import { errMalformed, errUnknownField } from '../hot/reader.ts';
import { type Frame, frameOf } from '../hot/writer.ts';
import type { Call, Method, Receiver, StreamCall } from '../transport/types.ts';

/** The generated codec of a message type, as far as it is needed here. */
interface Codec<T> {
  encode(message: T): { finish(): Uint8Array };
  decode(bytes: Uint8Array): T;
}

export function encodeFrame<T>(codec: Codec<T>, message: T): Frame {
  return frameOf(codec.encode(message).finish());
}

/** Decodes a request; refuses unknown fields by their number. @param name the message's, for the error */
export function decodeRequest<T>(codec: Codec<T>, name: string, bytes: Uint8Array): T {
  let message: T;
  try {
    message = codec.decode(bytes);
  } catch (error) {
    throw error instanceof EtcdError ? error : errMalformed();
  }
  refuseUnknown(name, message);
  return message;
}

function refuseUnknown(name: string, value: unknown): void {
  if (value === null || typeof value !== 'object' || Buffer.isBuffer(value)) return;
  for (const [field, inner] of Object.entries(value)) {
    if (field !== '_unknownFields') refuseUnknown(`${name}.${field}`, inner);
    else for (const tag of Object.keys(inner as object)) throw errUnknownField(name, Number(tag) >>> 3);
  }
}

export function unary<Q, A>(service: string, name: string, request: Codec<Q>, response: Codec<A>, handle: (request: Q, call: Call) => A | Promise<A>): Method {
  return {
    service,
    name,
    type: 'unary',
    handle: (bytes, call) => {
      const answer = handle(decodeRequest(request, `${name} request`, bytes), call);
      return answer instanceof Promise ? answer.then((message) => encodeFrame(response, message)) : encodeFrame(response, answer);
    },
  };
}

export function serverStream<Q>(service: string, name: string, request: Codec<Q>, handle: (request: Q, call: StreamCall) => void): Method {
  return { service, name, type: 'server_stream', handle: (bytes, call) => handle(decodeRequest(request, `${name} request`, bytes), call) };
}

export function bidi<Q>(service: string, name: string, request: Codec<Q>, open: (call: StreamCall) => { message(request: Q): void; end(): void }): Method {
  return {
    service,
    name,
    type: 'bidi_stream',
    handle: (call): Receiver => {
      const receiver = open(call);
      return { message: (bytes) => receiver.message(decodeRequest(request, `${name} request`, bytes)), end: () => receiver.end() };
    },
  };
}
