/** The JSON gateway: POST /v3/… becomes a call of the same method that gRPC serves (grpc-gateway, embed/serve.go). */
import type { DescMethod } from '@bufbuild/protobuf';
import { StringDecoder } from 'node:string_decoder';
import { Code, EtcdError } from '../../errors.ts';
import type { Clock } from '../../host/host.ts';
import type { Logger } from '../../host/log.ts';
import { type HttpHandler, type HttpRequest, type HttpResponse, sendJson } from '../http/types.ts';
import { peerOf } from '../transport/peer.ts';
import type { CallObserver, Method, Receiver } from '../transport/types.ts';
import { GatewayCall } from './call.ts';
import { JsonSplitter, answerJson, methodDescriptor, requestBytes } from './json.ts';
import { routes } from './routes.ts';

export interface GatewayOptions {
  readonly methods: Iterable<Method>;
  readonly clock: Clock;
  readonly log: Logger;
  readonly observer: CallObserver;
  /** Null, or why calls are refused now. */
  readonly refuse: (method: Method) => EtcdError | null;
  /** As protobuf; base64 makes JSON larger by a third. */
  readonly messageBytesMax: number;
}

export function gateway(options: GatewayOptions): HttpHandler {
  const methods = new Map([...options.methods].map((method) => [`${method.service}/${method.name}`, method]));
  return (request, response, url) => {
    const name = routes.get(url.pathname);
    const method = name === undefined ? undefined : methods.get(name);
    if (name === undefined || method === undefined) return sendJson(response, 404, { code: Code.NOT_FOUND, message: 'Not Found' });
    if (request.method !== 'POST') return sendJson(response, 501, { code: Code.UNIMPLEMENTED, message: 'Method Not Allowed' });
    serve(options, method, methodDescriptor(name), request, response);
  };
}

function serve({ clock, log, observer, refuse, messageBytesMax }: GatewayOptions, method: Method, descriptor: DescMethod, request: HttpRequest, response: HttpResponse): void {
  const startMs = clock.monotonicMs();
  observer.started(method);
  const call = new GatewayCall({
    method,
    metadata: metadata(request),
    peer: peerOf(request.socket),
    response,
    json: (message) => answerJson(descriptor.output, message),
    soon: (fn) => clock.soon(fn),
    handled: ({ code }) => observer.handled(method, code, (clock.monotonicMs() - startMs) / 1_000),
    fault: (error) => log.error('a call failed unexpectedly', { service: method.service, method: method.name, error }),
  });
  const guard = (step: () => void) => {
    if (call.over) return;
    try {
      step();
    } catch (error) {
      call.end(error);
    }
  };
  const refused = refuse(method);
  if (refused !== null) return call.end(refused);

  const receiver = method.type === 'bidi_stream' ? open(method, call) : single(method, call);
  const splitter = new JsonSplitter(2 * Math.ceil((messageBytesMax * 4) / 3) + 65_536);
  const text = new StringDecoder('utf8');
  let messages = 0;
  const message = (json: string) => {
    const bytes = requestBytes(descriptor.input, json);
    if (bytes.length > messageBytesMax) throw new EtcdError(Code.RESOURCE_EXHAUSTED, `grpc: received message larger than max (${bytes.length} vs. ${messageBytesMax})`);
    messages++;
    observer.received(method, bytes.length);
    receiver.message(bytes);
  };
  request.on('data', (chunk: Buffer) => guard(() => splitter.push(text.write(chunk)).forEach((json) => guard(() => message(json)))));
  request.on('end', () =>
    guard(() => {
      if (splitter.torn) throw new EtcdError(Code.INVALID_ARGUMENT, 'unexpected EOF');
      // An empty body is an empty request.
      if (messages === 0 && method.type !== 'bidi_stream') message('');
      receiver.end();
    }),
  );
  request.on('error', () => {});
}

function open(method: Method & { type: 'bidi_stream' }, call: GatewayCall): Receiver {
  try {
    return method.handle(call);
  } catch (error) {
    call.end(error);
    return { message() {}, end() {} };
  }
}

/** A method that takes one message: what follows it is ignored, as the gateway's decoder does. */
function single(method: Exclude<Method, { type: 'bidi_stream' }>, call: GatewayCall): Receiver {
  let taken = false;
  return {
    message(bytes) {
      if (taken) return;
      taken = true;
      if (method.type === 'server_stream') method.handle(bytes, call);
      else {
        const answer = method.handle(bytes, call);
        if (Buffer.isBuffer(answer)) call.answer(answer);
        else
          answer.then(
            (frame) => call.answer(frame),
            (error: unknown) => call.end(error),
          );
      }
    },
    end() {},
  };
}

/** Of HTTP's headers, those that the gateway hands on: `Authorization` and `Grpc-Metadata-*`. */
function metadata(request: HttpRequest): Record<string, string> {
  const given: Record<string, string> = {};
  for (const [name, value] of Object.entries(request.headers)) {
    if (typeof value !== 'string') continue;
    if (name === 'authorization') given[name] = value;
    else if (name.startsWith('grpc-metadata-')) given[name.slice('grpc-metadata-'.length)] = value;
  }
  return given;
}
