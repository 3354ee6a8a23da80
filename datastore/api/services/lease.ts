import { type ServiceContext, headerOf } from '../context.ts';
import {
  LeaseGrantRequest,
  LeaseGrantResponse,
  LeaseKeepAliveRequest,
  LeaseKeepAliveResponse,
  LeaseLeasesRequest,
  LeaseLeasesResponse,
  LeaseRevokeRequest,
  LeaseRevokeResponse,
  LeaseTimeToLiveRequest,
  LeaseTimeToLiveResponse,
} from '../generated/etcdserverpb/rpc.ts';
import type { Method, StreamCall } from '../transport/types.ts';
import { saturate } from './kv.ts';
import { bidi, encodeFrame, unary } from './rpc.ts';

const service = 'etcdserverpb.Lease';

export function leaseService(context: ServiceContext): Method[] {
  const { leases, maintenance } = context;
  const header = () => headerOf(context, maintenance.revision());
  return [
    unary(service, 'LeaseGrant', LeaseGrantRequest, LeaseGrantResponse, async ({ ID, TTL }) => {
      const { id, ttl } = await leases.grant(ID, saturate(TTL));
      return LeaseGrantResponse.fromPartial({ header: header(), ID: id, TTL: ttl });
    }),
    unary(service, 'LeaseRevoke', LeaseRevokeRequest, LeaseRevokeResponse, async ({ ID }) => {
      await leases.revoke(ID);
      return LeaseRevokeResponse.fromPartial({ header: header() });
    }),
    bidi(service, 'LeaseKeepAlive', LeaseKeepAliveRequest, (call) => keepAlive(context, call)),
    unary(service, 'LeaseTimeToLive', LeaseTimeToLiveRequest, LeaseTimeToLiveResponse, ({ ID, keys: wanted }) => {
      const { ttl, grantedTTL, keys } = leases.timeToLive(ID, wanted);
      return LeaseTimeToLiveResponse.fromPartial({ header: header(), ID, TTL: ttl, grantedTTL, keys: keys.map((key) => Buffer.from(key, 'latin1')) });
    }),
    unary(service, 'LeaseLeases', LeaseLeasesRequest, LeaseLeasesResponse, () =>
      LeaseLeasesResponse.fromPartial({ header: header(), leases: leases.list().map((ID) => ({ ID })) }),
    ),
  ];
}

/** Renewals of one stream are answered in order; the stream ends when the client's side has, and all are answered. */
function keepAlive(context: ServiceContext, call: StreamCall) {
  let last = Promise.resolve();
  const then = (step: () => Promise<void> | void) => {
    last = last.then(step).catch((error: unknown) => call.end(error));
  };
  return {
    message({ ID }: LeaseKeepAliveRequest) {
      then(async () => {
        if (call.over) return;
        // Taken before the renewal: a lease revoked at revision 3 must not seem alive at 4 (v3rpc/lease.go).
        const header = headerOf(context, context.maintenance.revision());
        const { ttl } = await context.leases.keepAlive(ID);
        call.send(encodeFrame(LeaseKeepAliveResponse, LeaseKeepAliveResponse.fromPartial({ header, ID, TTL: ttl })));
      });
    },
    end: () => then(() => call.end()),
  };
}
