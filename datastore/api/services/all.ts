import type { ServiceContext } from '../context.ts';
import type { Method } from '../transport/types.ts';
import { authService } from './auth.ts';
import { clusterService } from './cluster.ts';
import { electionService } from './election.ts';
import { healthService } from './health.ts';
import { kvService } from './kv.ts';
import { leaseService } from './lease.ts';
import { lockService } from './lock.ts';
import { maintenanceService } from './maintenance.ts';
import { reflectionService } from './reflection.ts';
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
    ...lockService(context),
    ...electionService(context),
  ];
  const names = new Set(methods.map(({ service }) => service));
  const standing = [...methods, ...healthService(context.serving, names)];
  return [...standing, ...reflectionService([...new Set(standing.map(({ service }) => service)), ...reflectionNames])];
}

const reflectionNames = ['grpc.reflection.v1.ServerReflection', 'grpc.reflection.v1alpha.ServerReflection'];

/** Services that answer also while the replica does not serve. */
export const alwaysOn: ReadonlySet<string> = new Set(['grpc.health.v1.Health', ...reflectionNames]);
