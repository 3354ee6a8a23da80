import type { ServiceContext } from '../context.ts';
import type { Method } from '../transport/types.ts';
import { authService } from './auth.ts';
import { clusterService } from './cluster.ts';
import { healthService } from './health.ts';
import { kvService } from './kv.ts';
import { leaseService } from './lease.ts';
import { maintenanceService } from './maintenance.ts';
import { watchService } from './watch.ts';

/** Every method that the client port serves. */
export function allServices(context: ServiceContext): Method[] {
  const methods = [
    ...kvService(context),
    ...watchService(context),
    ...leaseService(context),
    ...clusterService(context),
    ...maintenanceService(context),
    ...authService(context),
  ];
  const names = new Set(methods.map(({ service }) => service));
  return [...methods, ...healthService(context.serving, names)];
}

/** Services that answer also while the replica does not serve. */
export const alwaysOn: ReadonlySet<string> = new Set([
  'grpc.health.v1.Health',
  'grpc.reflection.v1.ServerReflection',
  'grpc.reflection.v1alpha.ServerReflection',
]);
