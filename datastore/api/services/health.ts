/** grpc.health.v1: the whole server (''), and each service by name. All serve, or none does. */
import { Code, EtcdError } from '../../errors.ts';
import {
  HealthCheckRequest,
  HealthCheckResponse,
  HealthCheckResponse_ServingStatus as ServingStatus,
  HealthListRequest,
  HealthListResponse,
} from '../generated/grpc/health/v1/health.ts';
import type { Method, StreamCall } from '../transport/types.ts';
import type { Serving } from '../types.ts';
import { encodeFrame, serverStream, unary } from './rpc.ts';

const service = 'grpc.health.v1.Health';

/** @param services the names that clients may ask for beside '' */
export function healthService(serving: Serving, services: ReadonlySet<string>): Method[] {
  const status = () => (serving.refusal() === null ? ServingStatus.SERVING : ServingStatus.NOT_SERVING);
  const known = (name: string) => name === '' || services.has(name);
  return [
    unary(service, 'Check', HealthCheckRequest, HealthCheckResponse, ({ service: name }) => {
      if (!known(name)) throw new EtcdError(Code.NOT_FOUND, 'unknown service');
      return HealthCheckResponse.fromPartial({ status: status() });
    }),
    unary(service, 'List', HealthListRequest, HealthListResponse, () =>
      HealthListResponse.fromPartial({ statuses: Object.fromEntries(['', ...services].map((name) => [name, { status: status() }])) }),
    ),
    serverStream(service, 'Watch', HealthCheckRequest, ({ service: name }, call: StreamCall) => {
      let sent: ServingStatus | undefined;
      const send = () => {
        const now = known(name) ? status() : ServingStatus.SERVICE_UNKNOWN;
        if (now === sent) return;
        sent = now;
        call.send(encodeFrame(HealthCheckResponse, HealthCheckResponse.fromPartial({ status: now })));
      };
      send();
      call.onOver(serving.onChange(send));
    }),
  ];
}
