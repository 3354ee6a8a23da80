import type { Random } from '../../compatibility/differential/random.ts';
import type { Ledger } from './ledger.ts';
import { EVERYTHING } from '../shared/rpc.ts';
import type { Rpc } from '../shared/rpc.ts';
import { covers } from './watcher.ts';
import type { Event, Watcher } from './watcher.ts';

/** History holds every acknowledged write where it was acknowledged, nothing that nobody asked for, and nothing twice. */
export function verifyHistory(history: readonly Event[], ledger: Ledger): void {
  const at = new Map(history.map((event) => [`${event.key}@${event.revision}`, event]));
  for (const { key, value, revision } of ledger.acked) {
    const event = at.get(`${key}@${revision}`);
    if (event === undefined) ledger.problem(`${key}@${revision} was acknowledged and is not in history`);
    else if (event.value !== value) ledger.problem(`${key}@${revision} was acknowledged as ${value}, is ${event.value} in history`);
  }
  const once = new Set<string>();
  const current = new Map<string, Event>();
  for (const event of history) {
    const { key, value, revision } = event;
    const before = current.get(key);
    current.set(key, event);
    if (before !== undefined && before.revision >= revision) ledger.problem(`${key}: ${revision} after ${before.revision} in history`);
    const lives = before !== undefined && before.value !== null;
    if (value === null) {
      if (!lives) ledger.problem(`${key}@${revision}: what was not there was deleted`);
      continue;
    }
    if (key.startsWith('/w/') && ledger.issued.get(value) !== key) ledger.problem(`${key}@${revision}: nobody wrote ${value}`);
    if (once.has(value)) ledger.problem(`${key}@${revision}: ${value} stands in history twice`);
    once.add(value);
    const version = lives ? before.version + 1 : 1;
    const created = lives ? before.createRevision : revision;
    if (event.version !== version || event.createRevision !== created) ledger.problem(`${key}@${revision}: version ${event.version}, created ${event.createRevision}, should be ${version}, ${created}`);
    if (lives && event.prevRevision !== before.revision) ledger.problem(`${key}@${revision}: its previous value is of ${event.prevRevision}, not ${before.revision}`);
  }
}

/** A watcher got exactly what history holds for it, up to `until`. */
export function verifyWatcher(watcher: Watcher, history: readonly Event[], until: number, ledger: Ledger): void {
  const { interest, from, events } = watcher;
  const due = history.filter((event) => event.revision >= from && event.revision <= until && covers(interest, event.key));
  const got = events.filter((event) => event.revision <= until);
  for (let i = 0; i < Math.max(due.length, got.length); i++) {
    const expected = due[i];
    const event = got[i];
    if (expected === undefined || event === undefined || expected.key !== event.key || expected.revision !== event.revision || expected.value !== event.value) {
      ledger.problem(`watcher ${interest.name}: event ${i} of ${due.length} is ${name(event)}, should be ${name(expected)}`);
      return;
    }
    if (interest.prevKv && expected.prevRevision !== event.prevRevision) ledger.problem(`watcher ${interest.name}: ${name(event)} came with the value of ${event.prevRevision}, not ${expected.prevRevision}`);
  }
}

const name = (event: Event | undefined): string => (event === undefined ? 'nothing' : `${event.key}@${event.revision}`);

/** Reads of the past say what history says. */
export async function verifyPast(rpc: Rpc, history: readonly Event[], compacted: number, ledger: Ledger, random: Random, reads: number): Promise<void> {
  const revisions = [...new Set(history.map((event) => event.revision))].filter((revision) => revision >= compacted);
  for (let i = 0; i < reads && revisions.length > 0; i++) {
    const revision = random.pick(revisions);
    const state = new Map<string, Event>();
    for (const event of history) {
      if (event.revision > revision) break;
      if (event.value === null) state.delete(event.key);
      else state.set(event.key, event);
    }
    const answer = await rpc.range(EVERYTHING.key, EVERYTHING.end, revision);
    const wrong = answer.kvs.find((kv) => {
      const event = state.get(kv.key.toString());
      return event === undefined || event.revision !== Number(kv.mod_revision) || event.value !== kv.value.toString();
    });
    if (wrong !== undefined || answer.kvs.length !== state.size) ledger.problem(`read at ${revision}: ${answer.kvs.length} keys for ${state.size}, wrong: ${wrong?.key.toString() ?? '-'}`);
  }
}
