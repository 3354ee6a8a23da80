/** Serves a fake replica, for measuring the transport by itself: `node datastore/api/fake/serve.ts [port]`. */
import { nodeClock } from '../../host/node-clock.ts';
import { silent } from '../../host/log.ts';
import { parseAddresses } from '../../config/urls.ts';
import { limits } from '../../limits.ts';
import { ApiServer } from '../server.ts';
import { FakeReplica } from './replica.ts';

const server = new ApiServer({
  replica: new FakeReplica(),
  clock: nodeClock,
  log: { ...silent, error: (message, fields) => process.stderr.write(`${message} ${String((fields?.['error'] as Error)?.stack ?? '')}\n`) },
  versions: { etcd: '3.7.3', cluster: '3.7.0', edgestore: '0.0.0' },
  gateway: true,
  requestBytesMax: limits.request_bytes,
  concurrentStreamsMax: 4_294_967_295,
  keepaliveIntervalMs: 7_200_000,
  keepaliveTimeoutMs: 20_000,
  removeFile: () => Promise.resolve(),
});
await server.open({ client: parseAddresses(`http://127.0.0.1:${process.argv[2] ?? 2379}`), http: [], metrics: [], certificates: null });
process.once('SIGTERM', () => void server.stop());
