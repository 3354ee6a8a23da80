/** `edgestore drain`: takes a replica out of service without losing what it holds. */
import { parseArgs } from 'node:util';
import { ask, targetOf, targetOptions } from './common.ts';

export const drainUsage = `edgestore drain [--endpoint host:port] [--timeout SECONDS] [--cancel | --flush-only | --state] [--cacert FILE] [--cert FILE --key FILE]

Asks one replica to take itself out of service: it refuses clients with a retryable error, hands its leases over, ends watches so that they can be
resumed elsewhere, is not ready any more, and waits until every other replica has all it holds on disk. Exits 0 when that is so, 1 if it is not after
--timeout (default 300); the replica goes on. --cancel: it serves again. --flush-only: it goes on serving; waits until the others hold what is there now.
--state: only says how far it is.`;

interface State {
  readonly state: string;
  readonly lacking: readonly string[];
}

const text = ({ state, lacking }: State): string => (lacking.length === 0 ? state : `${state}; not everything is held by ${lacking.join(', ')}`);

/** Runs the command. Returns the exit code. */
export async function drain(args: readonly string[], environment: Readonly<Record<string, string | undefined>>, print: (text: string) => void): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: { ...targetOptions, cancel: { type: 'boolean', default: false }, 'flush-only': { type: 'boolean', default: false }, state: { type: 'boolean', default: false } },
  });
  if (values.help) {
    print(drainUsage);
    return 0;
  }
  const target = targetOf(values, environment, 300);
  // The replica answers a little before the connection is given up.
  const patient = { ...target, timeout_ms: target.timeout_ms + 5_000 };
  const wait = `?wait=${target.timeout_ms / 1_000}`;
  if (values['flush-only']) {
    const { flushed } = await ask<{ flushed: boolean }>(patient, 'POST', `/admin/flush${wait}`);
    print(flushed ? 'every other replica holds everything' : 'not every other replica holds everything');
    return flushed ? 0 : 1;
  }
  const state = values.cancel ? await ask<State>(target, 'POST', '/admin/undrain') : values.state ? await ask<State>(target, 'GET', '/admin/drain') : await ask<State>(patient, 'POST', `/admin/drain${wait}`);
  print(text(state));
  return values.cancel || values.state || state.state === 'drained' ? 0 : 1;
}
