/** Events (events.k8s.io/v1) about an object: what a person would want to know, in `kubectl describe`. */
import { createHash } from 'node:crypto';
import type { Clock } from '../../datastore/host/host.ts';
import type { Logger } from '../../datastore/host/log.ts';
import { isNotFound } from './client.ts';
import type { KubeClient } from './client.ts';
import { microtime } from './microtime.ts';
import type { KubeObject, Resource } from './objects.ts';
import { pathOf } from './objects.ts';

export const EVENT: Resource = { group: 'events.k8s.io', version: 'v1', plural: 'events', kind: 'Event' };

export interface EventNote {
  readonly type: 'Normal' | 'Warning';
  /** One word for programs. */
  readonly reason: string;
  /** What was being done: one word. */
  readonly action: string;
  readonly note: string;
}

export interface EventRecorder {
  /** Never fails: an event that cannot be written is a log line. */
  record(about: KubeObject, event: EventNote): void;
  /** Resolves when everything recorded so far has been sent. */
  flush(): Promise<void>;
}

/** As in events.k8s.io: the same event within this time is one event with a count. */
const SERIES_MS = 6 * 60_000;
const KEPT = 1_024;
const NOTE_MAX = 1_024;

interface Sent {
  readonly name: string;
  at_ms: number;
  count: number;
}

export function eventRecorder(client: KubeClient, clock: Clock, log: Logger, controller: string, instance: string): EventRecorder {
  const sent = new Map<string, Sent>();
  let last: Promise<void> = Promise.resolve();

  const send = async (about: KubeObject, { type, reason, action, note }: EventNote): Promise<void> => {
    const namespace = about.metadata.namespace ?? 'default';
    const text = note.length > NOTE_MAX ? `${note.slice(0, NOTE_MAX - 1)}…` : note;
    const key = JSON.stringify([about.metadata.uid, type, reason, action, text]);
    const now_ms = clock.wallMs();
    const before = sent.get(key);
    if (before !== undefined && now_ms - before.at_ms < SERIES_MS) {
      before.at_ms = now_ms;
      before.count++;
      try {
        const series = { count: before.count, lastObservedTime: microtime(now_ms) };
        await client.call({ method: 'PATCH', path: pathOf(EVENT, namespace, before.name), contentType: 'application/merge-patch+json', body: { series } });
        return;
      } catch (error) {
        if (!isNotFound(error)) throw error;
      }
    }
    const name = `${about.metadata.name}.${createHash('sha256').update(key).update(String(now_ms)).digest('hex').slice(0, 16)}`;
    if (sent.size >= KEPT) sent.delete(sent.keys().next().value as string);
    sent.set(key, { name, at_ms: now_ms, count: 1 });
    await client.call({
      method: 'POST',
      path: pathOf(EVENT, namespace),
      body: {
        apiVersion: 'events.k8s.io/v1',
        kind: 'Event',
        metadata: { name, namespace },
        eventTime: microtime(now_ms),
        reportingController: controller,
        reportingInstance: instance,
        type, reason, action,
        note: text,
        regarding: { apiVersion: about.apiVersion, kind: about.kind, namespace, name: about.metadata.name, uid: about.metadata.uid, resourceVersion: about.metadata.resourceVersion },
      },
    });
  };

  return {
    record(about, event) {
      log.info('event', { reason: event.reason, note: event.note, namespace: about.metadata.namespace, name: about.metadata.name });
      // One after the other: a story is told in order.
      last = last.then(() => send(about, event)).catch((error: unknown) => log.warn('an event could not be written', { reason: event.reason, error }));
    },
    flush: () => last,
  };
}
