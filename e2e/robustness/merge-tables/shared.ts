/** What the checks of this suite have in common. */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Result } from '../../results.ts';
import { edgestoreMain } from '../../support/edgestore.ts';
import type { EtcdLike } from '../../support/member.ts';
import { run } from '../../support/process.ts';
import { EVERYTHING, type Rpc } from '../shared/rpc.ts';

export const results: Result[] = [];

/** Runs one check; what it throws is its failure. */
export async function check(name: string, work: () => Promise<void>): Promise<void> {
  const started = Date.now();
  const reason = await work().then(() => '', (error: unknown) => (error instanceof Error ? error.message : String(error)).slice(0, 800));
  results.push({ suite: 'robustness/merge-tables', name, status: reason === '' ? 'passed' : 'failed', reason, seconds: (Date.now() - started) / 1000 });
  console.log(`${reason === '' ? 'ok' : 'FAILED'}: ${name}${reason === '' ? '' : `: ${reason}`}`);
}

export async function until(what: string, done: () => Promise<boolean>): Promise<void> {
  const end = Date.now() + 60_000;
  let last: unknown = 'it is not so yet';
  while (!(await done().catch((error: unknown) => ((last = error), false)))) {
    if (Date.now() > end) throw new Error(`${what}: not within 60 s (${String(last)})`);
    await sleep(100);
  }
}

export function expectEqual(what: string, found: unknown, wanted: unknown): void {
  if (JSON.stringify(found) !== JSON.stringify(wanted)) throw new Error(`${what}: ${JSON.stringify(found)}, ${JSON.stringify(wanted)} expected`);
}

export interface Edit {
  readonly replicas?: number;
  readonly labels?: Readonly<Record<string, string>>;
}
export const deployment = (name: string, { replicas = 3, labels = {} }: Edit): string => `${JSON.stringify({
  kind: 'Deployment', apiVersion: 'apps/v1', metadata: { name, uid: `uid-of-${name}`, labels }, spec: { replicas, selector: null, template: { metadata: {}, spec: { containers: [{ name: 'c', image: 'i' }] } } }, status: {},
})}\n`;

export const cli = async (...args: string[]): Promise<string> => (await run(process.execPath, [edgestoreMain(), ...args], { timeout_ms: 30_000 })).stdout;
export const alarmed = async (member: EtcdLike): Promise<boolean> => (await (await fetch(`${member.endpoint}/metrics`)).text()).includes('edgestore_alarm{type="MERGE-TABLES"} 1');
export const pending = async (member: EtcdLike): Promise<number> => Number(/^edgestore_merge_pending_keys (.*)$/m.exec(await (await fetch(`${member.endpoint}/metrics`)).text())?.[1]);
export const lines = (member: EtcdLike, text: string): number => readFileSync(member.logFile, 'utf8').split('\n').filter((line) => line.includes(text)).length;
export const DIFFER = 'replicas merge by other tables than this one';
export const ALIKE = 'all replicas merge by the same tables';

export async function conflictsOf(member: EtcdLike, key: string): Promise<{ rule: string; lost: string }[]> {
  const [answer] = JSON.parse(await cli('conflicts', '--endpoints', new URL(member.endpoint).host, '--prefix', key, '-o', 'json')) as { conflicts: { key: string; rule: string; value: string | null }[] }[];
  return answer!.conflicts.filter((conflict) => conflict.key === key).map(({ rule, value }) => ({ rule, lost: Buffer.from(value ?? '', 'base64').toString() }));
}

/** Every key and its value. */
export const all = async (rpc: Rpc): Promise<Map<string, string>> => new Map((await rpc.range(EVERYTHING.key, EVERYTHING.end)).kvs.map(({ key, value }) => [Buffer.from(key).toString(), Buffer.from(value).toString()]));
