/**
 * The Auth service without authentication: what etcd answers while it is not enabled, where that says enough; what would
 * change users or roles is refused by name.
 */
import { errAuthNotEnabled, errUnimplemented } from '../../errors.ts';
import { type ServiceContext, headerOf } from '../context.ts';
import * as pb from '../generated/etcdserverpb/rpc.ts';
import type { Method } from '../transport/types.ts';
import { unary } from './rpc.ts';

const service = 'etcdserverpb.Auth';

export function authService(context: ServiceContext): Method[] {
  const header = () => headerOf(context, context.maintenance.revision());
  const unsupported = (name: string): Method => ({
    service,
    name,
    type: 'unary',
    handle: () => {
      throw errUnimplemented(name);
    },
  });
  return [
    unary(service, 'AuthStatus', pb.AuthStatusRequest, pb.AuthStatusResponse, () => pb.AuthStatusResponse.fromPartial({ header: header(), authRevision: 1 })),
    unary(service, 'AuthDisable', pb.AuthDisableRequest, pb.AuthDisableResponse, () => pb.AuthDisableResponse.fromPartial({ header: header() })),
    unary(service, 'Authenticate', pb.AuthenticateRequest, pb.AuthenticateResponse, () => {
      throw errAuthNotEnabled();
    }),
    unary(service, 'UserList', pb.AuthUserListRequest, pb.AuthUserListResponse, () => pb.AuthUserListResponse.fromPartial({ header: header() })),
    unary(service, 'RoleList', pb.AuthRoleListRequest, pb.AuthRoleListResponse, () => pb.AuthRoleListResponse.fromPartial({ header: header() })),
    ...[
      'AuthEnable',
      'UserAdd',
      'UserGet',
      'UserDelete',
      'UserChangePassword',
      'UserGrantRole',
      'UserRevokeRole',
      'RoleAdd',
      'RoleGet',
      'RoleDelete',
      'RoleGrantPermission',
      'RoleRevokePermission',
    ].map(unsupported),
  ];
}
