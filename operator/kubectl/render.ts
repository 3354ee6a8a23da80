/** EdgeStores as text for people. */
import { worstLag } from '../../datastore/admin/figures.ts';
import { lagTable } from '../../datastore/admin/lag.ts';
import { bytesText, textTable } from '../../datastore/admin/table.ts';
import type { Replica, Store } from './look.ts';

/** Somebody serves, and everybody could be asked. */
export const isHealthy = ({ conditions, replicas }: Store): boolean =>
  conditions.some(({ type, status }) => type === 'Available' && status === 'True') && replicas.every(({ error }) => error === undefined);

function state(store: Store, { pod, ready, error, serving, alarms, lag }: Replica): string {
  if (error !== undefined) return `${lag === undefined ? '' : `${ready ? 'ready' : 'not ready'}, ${lag}; `}not asked: ${error}`;
  const is = store.draining === pod ? 'draining' : serving === false ? 'not serving' : ready ? 'ready' : 'not ready';
  return [is, ...(alarms ?? []).map((alarm) => `alarm ${alarm}`)].join(', ');
}

function row(store: Store, replica: Replica): string[] {
  const { pod, node = '', slot, version = '', revision, keys, dbSizeBytes, links = [], error } = replica;
  const told = error === undefined;
  return [
    pod, node, slot === undefined ? '' : String(slot), version, revision === undefined ? '' : String(revision), keys === undefined ? '' : String(keys),
    dbSizeBytes === undefined ? '' : bytesText(dbSizeBytes), told ? `${links.filter(({ connected }) => connected).length}/${links.length}` : '',
    told ? worstLag({ links }).toFixed(1) : '', state(store, replica),
  ];
}

function storeText(store: Store): string {
  const { namespace, name, phase, ready, desired, clusterId, conditions, replicas } = store;
  const parts = [
    `${namespace}/${name}: ${phase ?? 'not looked at yet: does the operator run?'}, ${ready} of ${desired} replicas serve${clusterId === undefined ? '' : `, cluster ${clusterId}`}`,
    ...(conditions.length === 0 ? [] : [textTable(['CONDITION', 'STATUS', 'REASON', 'MESSAGE'], conditions.map(({ type, status, reason, message }) => [type, status, reason, message]))]),
    ...(replicas.length === 0 ? [] : [textTable(['POD', 'NODE', 'SLOT', 'VERSION', 'REVISION', 'KEYS', 'DB SIZE', 'PEERS', 'LAG S', 'STATE'], replicas.map((replica) => row(store, replica)))]),
    ...(replicas.some(({ links }) => (links ?? []).length > 0)
      ? [`Lag of each pair in seconds: how old is the oldest write that the other does not hold on disk\n\n${lagTable(replicas.map(({ pod, name: own, links }) => ({ name: own ?? pod, links })))}`]
      : []),
  ];
  return parts.join('\n\n');
}

export const storesText = (stores: readonly Store[]): string => stores.map(storeText).join(`\n\n${'-'.repeat(80)}\n\n`);
