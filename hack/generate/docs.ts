/** Pages under docs/ that are made from the program's own tables. */
import { flagsMarkdown } from '../../datastore/config/help.ts';
import { metricsMarkdown } from '../../datastore/telemetry/markdown.ts';

/** Path → contents. */
export function docs(): Map<string, string> {
  return new Map([
    ['docs/metrics.md', metricsMarkdown()],
    ['docs/operations/flags.md', flagsMarkdown()],
  ]);
}
