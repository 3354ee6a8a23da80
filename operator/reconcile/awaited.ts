/** Secrets with certificates that others make: given by name, or by cert-manager. A pod does not start before they are there, and the kubelet says so to nobody who asks for an EdgeStore. */
import type { Clock } from '../../datastore/host/host.ts';
import { kinds } from '../desired/kinds.ts';
import { mountedSecretName } from '../desired/names.ts';
import type { EdgeStore } from '../resource/edgestore.ts';
import { isNotFound } from '../runtime/client.ts';
import type { KubeClient } from '../runtime/client.ts';
import { pathOf } from '../runtime/objects.ts';
import type { KubeObject, Resource } from '../runtime/objects.ts';
import type { Problem } from '../scale/plan.ts';

/** One that was complete is looked at again after this time. */
const AGAIN_MS = 60_000;
const KEYS = ['tls.crt', 'tls.key', 'ca.crt'] as const;

export interface AwaitedSecrets {
  /** What is not there yet; a Problem for each. @throws ApiError but for what is missing */
  lacking(store: EdgeStore): Promise<Problem[]>;
  /** The EdgeStore `namespace/name` is gone. */
  forget(key: string): void;
}

export function awaitedSecrets(client: KubeClient, clock: Clock): AwaitedSecrets {
  /** EdgeStore → name of a Secret → when it was seen whole. */
  const seen = new Map<string, Map<string, number>>();
  const get = async (resource: Resource, namespace: string, name: string): Promise<KubeObject | null> => {
    try {
      return await client.call({ method: 'GET', path: pathOf(resource, namespace, name) });
    } catch (error) {
      if (isNotFound(error)) return null;
      throw error;
    }
  };

  /** What cert-manager says of it. */
  const said = async (namespace: string, name: string): Promise<string> => {
    const certificate = await get(kinds.certificate, namespace, name);
    const ready = (certificate?.['status'] as { conditions?: readonly { type: string; status: string; message?: string }[] } | undefined)?.conditions?.find(({ type }) => type === 'Ready');
    return ready?.message === undefined ? `cert-manager has said nothing of Certificate ${name}` : `cert-manager says of Certificate ${name}: ${ready.message}`;
  };

  return {
    async lacking(store) {
      const { spec: { tls }, metadata: { namespace, name } } = store;
      const problems: Problem[] = [];
      const whole = seen.get(`${namespace}/${name}`) ?? new Map<string, number>();
      seen.set(`${namespace}/${name}`, whole);
      for (const port of ['client', 'peer'] as const) {
        const { source } = tls[port];
        const called = mountedSecretName(store, port);
        if (called === null || source === 'SelfSigned') continue;
        if (clock.monotonicMs() - (whole.get(called) ?? -Infinity) < AGAIN_MS) continue;
        const secret = await get(kinds.secret, namespace, called);
        const data = (secret?.['data'] ?? {}) as Record<string, string>;
        const absent = KEYS.filter((file) => (data[file] ?? '') === '');
        if (absent.length === 0) {
          whole.set(called, clock.monotonicMs());
          continue;
        }
        whole.delete(called);
        const what = secret === null ? `there is no Secret ${called}` : `Secret ${called} has no ${absent.join(' and no ')}`;
        const why = source === 'CertManager' ? `; ${await said(namespace, called)}` : '';
        problems.push({ reason: 'CertificateMissing', message: `the ${port} port waits for its certificate: ${what}${why}` });
      }
      return problems;
    },
    forget: (key) => void seen.delete(key),
  };
}
