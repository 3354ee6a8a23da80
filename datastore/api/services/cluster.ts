import { errMemberBadURLs } from '../../errors.ts';
import { type ServiceContext, headerOf } from '../context.ts';
import {
  MemberAddRequest,
  MemberAddResponse,
  MemberListRequest,
  MemberListResponse,
  MemberPromoteRequest,
  MemberPromoteResponse,
  MemberRemoveRequest,
  MemberRemoveResponse,
  MemberUpdateRequest,
  MemberUpdateResponse,
} from '../generated/etcdserverpb/rpc.ts';
import type { Method } from '../transport/types.ts';
import type { Member } from '../types.ts';
import { unary } from './rpc.ts';

const service = 'etcdserverpb.Cluster';

/** The Cluster service. Its headers carry no revision, as etcd's. */
export function clusterService(context: ServiceContext): Method[] {
  const { cluster } = context;
  const header = () => headerOf(context, 0);
  return [
    unary(service, 'MemberAdd', MemberAddRequest, MemberAddResponse, async ({ peerURLs, isLearner }) => {
      checkUrls(peerURLs);
      const { member, members } = await cluster.add(peerURLs, isLearner);
      return MemberAddResponse.fromPartial({ header: header(), member: message(member), members: members.map(message) });
    }),
    unary(service, 'MemberRemove', MemberRemoveRequest, MemberRemoveResponse, async ({ ID }) =>
      MemberRemoveResponse.fromPartial({ header: header(), members: (await cluster.remove(ID)).map(message) }),
    ),
    unary(service, 'MemberUpdate', MemberUpdateRequest, MemberUpdateResponse, async ({ ID, peerURLs }) =>
      MemberUpdateResponse.fromPartial({ header: header(), members: (await cluster.update(ID, peerURLs)).map(message) }),
    ),
    unary(service, 'MemberList', MemberListRequest, MemberListResponse, async ({ linearizable }) =>
      MemberListResponse.fromPartial({ header: header(), members: (await cluster.members(linearizable)).map(message) }),
    ),
    unary(service, 'MemberPromote', MemberPromoteRequest, MemberPromoteResponse, async ({ ID }) =>
      MemberPromoteResponse.fromPartial({ header: header(), members: (await cluster.promote(ID)).map(message) }),
    ),
  ];
}

function message(member: Member) {
  return { ID: member.id, name: member.name, peerURLs: [...member.peerURLs], clientURLs: [...member.clientURLs], isLearner: member.isLearner };
}

/** etcd (client/pkg/types, NewURLs): at least one, each http(s) or unix(s) with an address and no path. */
function checkUrls(urls: readonly string[]): void {
  const valid = (url: string) => /^unixs?:\/\/.+$/.test(url) || /^https?:\/\/[^/]+:\d+$/.test(url.trim());
  if (urls.length === 0 || !urls.every(valid)) throw errMemberBadURLs();
}
