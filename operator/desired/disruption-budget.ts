import type { EdgeStore } from '../resource/edgestore.ts';
import { kinds, owned } from './kinds.ts';
import type { Wanted } from './kinds.ts';
import { selectorLabels } from './names.ts';

/** Node drains take one replica at a time, unless it says otherwise. null: none is wanted. */
export function disruptionBudget(store: EdgeStore): Wanted | null {
  const { name } = store.metadata;
  const { enabled, maxUnavailable = 1 } = store.spec.podDisruptionBudget;
  if (!enabled) return null;
  return owned(store, kinds.disruptionBudget, name, { spec: { maxUnavailable, selector: { matchLabels: selectorLabels(name) } } });
}
