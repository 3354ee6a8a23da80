/** Asks replicas how they are, all of an EdgeStore at once, and remembers the answers for as long as they may be used. */
import type { Clock } from '../../datastore/host/host.ts';
import { secretText } from '../certificates/material.ts';
import { kinds } from '../desired/kinds.ts';
import { clientScheme, mountedSecretName, podHost } from '../desired/names.ts';
import type { ReplicaAddress, ReplicaApi, ReplicaReport } from '../replica/replica-api.ts';
import type { EdgeStore } from '../resource/edgestore.ts';
import type { KubeClient } from '../runtime/client.ts';
import { pathOf } from '../runtime/objects.ts';
import type { KubeObject } from '../runtime/objects.ts';
import type { Pod } from './world.ts';

/** Secrets that others look after (given by name, or by cert-manager) are read again after this time. */
const SECRET_MS = 60_000;

interface Known {
  readonly podUid: string;
  readonly at_ms: number;
  readonly report: ReplicaReport | null;
}

export interface Asker {
  /** By ordinal, of those that answered. @param age_ms how old an answer may be */
  ask(store: EdgeStore, pods: ReadonlyMap<number, KubeObject>, secrets: ReadonlyMap<string, KubeObject>, age_ms: number): Promise<Map<number, ReplicaReport>>;
  /** Where a replica is; null while its pod has no address. */
  address(store: EdgeStore, pod: KubeObject, secrets: ReadonlyMap<string, KubeObject>): Promise<ReplicaAddress | null>;
  forget(key: string): void;
}

export function createAsker(client: KubeClient, api: ReplicaApi, clock: Clock, clusterDomain: string): Asker {
  const answers = new Map<string, Map<number, Known>>();
  const foreignSecrets = new Map<string, { readonly at_ms: number; readonly secret: KubeObject }>();

  const tlsSecret = async (store: EdgeStore, own: ReadonlyMap<string, KubeObject>): Promise<KubeObject | undefined> => {
    const { namespace } = store.metadata;
    const called = mountedSecretName(store, 'client') ?? '';
    if (store.spec.tls.client.source === 'SelfSigned') return own.get(called);
    const key = `${namespace}/${called}`;
    const known = foreignSecrets.get(key);
    if (known !== undefined && clock.monotonicMs() - known.at_ms < SECRET_MS) return known.secret;
    const secret = await client.call({ method: 'GET', path: pathOf(kinds.secret, namespace, called) });
    foreignSecrets.set(key, { at_ms: clock.monotonicMs(), secret });
    return secret;
  };

  const address: Asker['address'] = async (store, pod, secrets) => {
    const { status: { podIP, phase } } = pod as Pod;
    if (podIP === undefined || podIP === '' || phase !== 'Running') return null;
    const host = podHost(store, pod.metadata.name, clusterDomain);
    if (clientScheme(store) === 'http') return { ip: podIP, host, tls: null };
    const secret = await tlsSecret(store, secrets);
    if (secret === undefined) return null;
    return { ip: podIP, host, tls: { ca: secretText(secret, 'ca.crt'), cert: secretText(secret, 'tls.crt'), key: secretText(secret, 'tls.key') } };
  };

  return {
    address,
    async ask(store, pods, secrets, age_ms) {
      const key = `${store.metadata.namespace}/${store.metadata.name}`;
      const before = answers.get(key) ?? new Map<number, Known>();
      const now: Known[] = [];
      await Promise.all([...pods].map(async ([ordinal, pod]) => {
        const podUid = pod.metadata.uid ?? '';
        const known = before.get(ordinal);
        if (known?.podUid === podUid && known.report !== null && clock.monotonicMs() - known.at_ms <= age_ms) {
          now[ordinal] = known;
          return;
        }
        const report = await address(store, pod, secrets).then((at) => (at === null ? null : api.status(at))).catch(() => null);
        // An address that another pod has meanwhile: the one who answered is not the one who was asked.
        now[ordinal] = { podUid, at_ms: clock.monotonicMs(), report: report?.name === pod.metadata.name ? report : null };
      }));
      answers.set(key, new Map(now.flatMap((known, ordinal) => [[ordinal, known] as const])));
      return new Map(now.flatMap((known, ordinal) => (known.report === null ? [] : [[ordinal, known.report] as const])));
    },
    forget: (key) => void answers.delete(key),
  };
}
