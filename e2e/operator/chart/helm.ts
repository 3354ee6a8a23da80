/** Helm on the project's chart. */
import { loadAll } from 'js-yaml';
import type { KubeObject } from '../../kubernetes/kube-api.ts';
import { ROOT } from '../../support/edgestore.ts';
import { run } from '../../support/process.ts';
import type { RunResult } from '../../support/process.ts';
import { tool } from '../../tools/tools.ts';

export const CHART = `${ROOT}/charts/edgestore`;

/** Runs helm. HELM_* of whoever runs the test are kept out of it. */
export function helm(args: readonly string[], env: Record<string, string> = {}, timeout_ms = 60_000): Promise<RunResult> {
  return run(tool('helm'), args, { env: { HELM_CACHE_HOME: '/nonexistent', HELM_CONFIG_HOME: '/nonexistent', HELM_DATA_HOME: '/nonexistent', ...env }, timeout_ms });
}

/** Runs helm, and throws with what it said if it fails. */
export async function mustHelm(args: readonly string[], env: Record<string, string> = {}): Promise<string> {
  const { code, stdout, stderr } = await helm(args, env);
  if (code !== 0) throw new Error(`helm ${args.join(' ')}: exit code ${code}:\n${stderr}${stdout}`);
  return stdout;
}

export interface Rendered {
  readonly text: string;
  readonly objects: readonly KubeObject[];
  /** The one object of that kind, whose name ends like this. Throws if there is none. */
  one(kind: string, nameEnd?: string): KubeObject;
  all(kind: string): readonly KubeObject[];
}

/** The chart with these values, `a.b=c` each as for --set-json (values are JSON) or --set. Throws what Helm says. */
export async function render(values: Readonly<Record<string, unknown>> = {}, chart = CHART): Promise<Rendered> {
  const set = Object.entries(values).flatMap(([path, value]) => ['--set-json', `${path}=${JSON.stringify(value)}`]);
  const text = await mustHelm(['template', 'rel', chart, '--namespace', 'edgestore', ...set]);
  const objects = loadAll(text).filter((object): object is KubeObject => object !== null && typeof object === 'object');
  const all = (kind: string): KubeObject[] => objects.filter((object) => object.kind === kind);
  return {
    text,
    objects,
    all,
    one(kind, nameEnd = '') {
      const found = all(kind).filter(({ metadata }) => metadata.name.endsWith(nameEnd));
      if (found.length !== 1 || found[0] === undefined) throw new Error(`${found.length} of kind ${kind} with a name that ends in "${nameEnd}"`);
      return found[0];
    },
  };
}

/** The value at `a.b.0.c` in an object; undefined if there is none. */
export function at(object: unknown, path: string): unknown {
  return path.split('.').reduce<unknown>((value, key) => (value === null || typeof value !== 'object' ? undefined : (value as Record<string, unknown>)[key]), object);
}
