/** `edgestore conflicts`: what concurrent writes have beaten, as each replica has found it. */
import { parseArgs } from 'node:util';
import { ConfigError } from '../config/errors.ts';
import { ask, clientTls, endpointsOf, targetOptions } from './common.ts';
import { textTable } from './table.ts';

export const conflictsUsage = `edgestore conflicts [--endpoints host:port,...] [-o table|json] [--prefix PREFIX] [--timeout SECONDS] [--cacert FILE] [--cert FILE --key FILE]

Lists the writes that a concurrent write has beaten, the oldest first, as each replica has found them: key, kind, rule, field, winner and loser (Lamport
counter and log of the write), bytes that were lost. --prefix: only keys that begin so. -o json also has what was lost, in base64, if it is not
long. A replica keeps the latest ones in memory; what it found before its last restart has no time. --endpoints defaults to $ETCDCTL_ENDPOINTS or
127.0.0.1:2379. Exits 1 if a replica could not be asked.`;

interface Write {
  readonly lamport: number;
  readonly log: string;
}

interface Listed {
  readonly time: string | null;
  readonly key: string;
  readonly space: string;
  readonly kind: string;
  readonly rule: string;
  readonly path?: string;
  readonly winner: Write | null;
  readonly loser: Write;
  readonly size: number | null;
  readonly value: string | null;
}

interface Answer {
  readonly endpoint: string;
  readonly error?: string;
  readonly dropped?: number;
  readonly conflicts?: readonly Listed[];
}

const write = (w: Write | null): string => (w === null ? '-' : `${w.lamport}@${w.log}`);

function tableOf(answers: readonly Answer[]): string {
  const rows = answers.flatMap(({ endpoint, conflicts = [] }) => conflicts.map((c) => [
    endpoint, c.time ?? 'before the restart', c.space === 'system' ? `(system) ${c.key}` : c.key, c.kind, c.rule, c.path ?? '', write(c.winner), write(c.loser), c.size === null ? 'deletion' : `${c.size} B`,
  ]));
  const notes = answers.flatMap(({ endpoint, error, dropped = 0 }) => [
    ...(error === undefined ? [] : [`${endpoint}: unreachable: ${error}`]),
    ...(dropped > 0 ? [`${endpoint}: ${dropped} older ones are not kept any more`] : []),
  ]);
  return [textTable(['ENDPOINT', 'TIME', 'KEY', 'KIND', 'RULE', 'FIELD', 'WINNER', 'LOSER', 'LOST'], rows), ...notes].join('\n');
}

/** Runs the command. Returns the exit code. Throws on a bad command line. */
export async function conflicts(args: readonly string[], environment: Readonly<Record<string, string | undefined>>, print: (text: string) => void): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      ...targetOptions, prefix: { type: 'string', default: '' }, endpoints: { type: 'string' }, output: { type: 'string', short: 'o', default: 'table' },
    },
  });
  if (values.help) {
    print(conflictsUsage);
    return 0;
  }
  if (values.output !== 'table' && values.output !== 'json') throw new ConfigError(`-o must be table or json, not ${values.output}`);
  const timeout_ms = Number(values.timeout ?? 5) * 1_000;
  if (!(timeout_ms > 0)) throw new ConfigError(`--timeout must be a number of seconds, not ${values.timeout}`);
  const tls = clientTls(values, environment);
  const answers = await Promise.all(endpointsOf(values.endpoints ?? values.endpoint, environment, tls).map(async (endpoint): Promise<Answer> => {
    try {
      const { dropped, conflicts: all } = await ask<{ dropped: number; conflicts: readonly Listed[] }>({ endpoint, tls, timeout_ms }, 'GET', '/admin/conflicts');
      return { endpoint: endpoint.address, dropped, conflicts: all.filter((c) => c.key.startsWith(values.prefix)) };
    } catch (error) {
      return { endpoint: endpoint.address, error: error instanceof Error ? error.message : String(error) };
    }
  }));
  print(values.output === 'json' ? JSON.stringify(answers, null, 2) : tableOf(answers));
  return answers.every((answer) => answer.error === undefined) ? 0 : 1;
}
