/** The error lines in the logs of Kubernetes' programs, with what varies between two runs taken out. */
import type { Program } from '../support/process.ts';

/** klog: `E1121 10:00:00.000000    1234 file.go:123] text`. */
const ERROR_LINE = /^[EF]\d{4} [0-9:.]+ +\d+ ([a-z0-9_]+\.go):\d+\] (.*)$/;

/** A line's constant part: numbers, quoted names, ids and addresses replaced. */
export function normalise(text: string): string {
  return text
    .replace(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, 'UID')
    .replace(/\b(pod|node|key|pods|replicaSet|deployment|namespace|object|logger|handler|UID|name)=\S+/gi, '$1=…')
    .replace(/web-[a-z0-9]+(-[a-z0-9]{5})?/g, 'web-…')
    .replace(/churn-\w+/g, 'churn-…')
    .replace(/gvr: \S+ Resource=\S+/g, 'gvr: …')
    .replace(/kwok-node-\d+/g, 'kwok-node-…')
    .replace(/127\.0\.0\.1:\d+/g, 'ADDRESS')
    .replace(/\b0x[0-9a-f]+\b/g, '0x…')
    .replace(/\d+(\.\d+)?(µs|ms|s|m)?\b/g, 'N')
    .slice(0, 300);
}

/** `program file.go: text` → how often. */
export function errorLines(programs: readonly Program[], logs: (program: Program) => string = (program) => program.log()): Map<string, number> {
  const found = new Map<string, number>();
  for (const program of programs) {
    for (const line of logs(program).split('\n')) {
      const match = ERROR_LINE.exec(line);
      if (!match) continue;
      const key = `${program.name} ${match[1]}: ${normalise(match[2] ?? '')}`;
      found.set(key, (found.get(key) ?? 0) + 1);
    }
  }
  return found;
}
