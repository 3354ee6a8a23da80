/** Volumes that grow with `storage.size`. */
import type { Clock } from '../../datastore/host/host.ts';
import { bytesOf } from '../desired/arguments.ts';
import { kinds } from '../desired/kinds.ts';
import type { EdgeStore } from '../resource/edgestore.ts';
import { ApiError } from '../runtime/client.ts';
import type { KubeClient } from '../runtime/client.ts';
import type { EventRecorder } from '../runtime/events.ts';
import { pathOf } from '../runtime/objects.ts';
import type { KubeObject } from '../runtime/objects.ts';
import type { Problem } from '../scale/plan.ts';

const TRY_AGAIN_MS = 300_000;

export interface VolumeKeeper {
  /** Asks for larger claims where they are smaller than wanted. @returns why they cannot grow */
  grow(store: EdgeStore, claims: ReadonlyMap<number, KubeObject>): Promise<Problem | null>;
}

export function volumeKeeper(client: KubeClient, clock: Clock, events: EventRecorder): VolumeKeeper {
  /** By uid of the claim: what was refused, and when. */
  const refused = new Map<string, { readonly size: string; readonly at_ms: number; readonly problem: Problem }>();
  return {
    async grow(store, claims) {
      const size = String(store.spec.storage.size);
      for (const claim of claims.values()) {
        const { name, namespace, uid = '', deletionTimestamp } = claim.metadata;
        const now = (claim['spec'] as { resources?: { requests?: { storage?: string } } }).resources?.requests?.storage ?? '0';
        if (deletionTimestamp !== undefined || bytesOf(now) >= bytesOf(size)) continue;
        const before = refused.get(uid);
        if (before?.size === size && clock.monotonicMs() - before.at_ms < TRY_AGAIN_MS) return before.problem;
        try {
          await client.call({
            method: 'PATCH', path: pathOf(kinds.claim, namespace ?? null, name), query: { fieldManager: 'edgestore-operator' }, contentType: 'application/merge-patch+json',
            body: { metadata: { uid }, spec: { resources: { requests: { storage: size } } } },
          });
          refused.delete(uid);
          events.record({ ...(store as unknown as KubeObject), apiVersion: store.apiVersion, kind: 'EdgeStore' }, { type: 'Normal', reason: 'VolumeGrows', action: 'GrowVolume', note: `${name}: from ${now} to ${size}` });
        } catch (error) {
          if (!(error instanceof ApiError) || error.status === 409 || error.status === 429 || error.status >= 500) throw error;
          const problem = { reason: 'VolumeCannotGrow', message: `${name} cannot grow from ${now} to ${size}: ${error.message}` };
          refused.set(uid, { size, at_ms: clock.monotonicMs(), problem });
          return problem;
        }
      }
      return null;
    },
  };
}
