import { errCompacted, errStopped } from '../../errors.ts';
import type { WatchMessage, WatchOutput } from '../../watch/types.ts';
import { type ServiceContext, overheadBytes } from '../context.ts';
import { decodeWatchRequest, encodeWatchMessage } from '../hot/watch.ts';
import type { Method, Receiver, StreamCall } from '../transport/types.ts';

export function watchService(context: ServiceContext): Method[] {
  return [{ service: 'etcdserverpb.Watch', name: 'Watch', type: 'bidi_stream', handle: (call) => open(context, call) }];
}

function open(context: ServiceContext, call: StreamCall): Receiver {
  const { watch, header, maintenance, requestBytesMax } = context;
  const fragmentBytes = requestBytesMax + overheadBytes;
  const output: WatchOutput = {
    send: (message: WatchMessage) => encodeWatchMessage(header, message, fragmentBytes, (frame) => call.send(frame)),
    get bufferedBytes() {
      return call.bufferedBytes;
    },
    onDrain: (fn) => call.onDrain(fn),
    end: () => call.end(errStopped()),
  };
  const stream = watch.open(output);
  call.onOver(() => stream.close());
  return {
    message(bytes) {
      const command = decodeWatchRequest(bytes);
      if (command.type === 'cancel') stream.cancel(command.watchId);
      else if (command.type === 'progress') stream.requestProgress();
      else if (command.type === 'create') {
        const { request } = command;
        if (request.startRevision >= 0) stream.create(request);
        // etcd: v3rpc/watch.go refuses a negative revision before the watch exists.
        else output.send({ type: 'refused', reason: errCompacted().message, revision: maintenance.revision(), watchId: request.watchId });
      }
    },
    // etcd goes on sending to a client that has nothing more to ask.
    end() {},
  };
}
