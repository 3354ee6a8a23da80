/** Pages under docs/ that are made from the programs' own tables and texts. */
import { checkUsage } from '../../datastore/admin/check.ts';
import { conflictsUsage } from '../../datastore/admin/conflicts.ts';
import { devUsage } from '../../datastore/admin/dev.ts';
import { drainUsage } from '../../datastore/admin/drain.ts';
import { manifestUsage } from '../../datastore/admin/manifest.ts';
import { memberUsage } from '../../datastore/admin/member.ts';
import { statusUsage } from '../../datastore/admin/status.ts';
import { flagsMarkdown } from '../../datastore/config/help.ts';
import { metricsMarkdown } from '../../datastore/telemetry/markdown.ts';
import { operatorOptions } from '../../operator/options.ts';

/** Each command with what `--help` says. */
const usages = { dev: devUsage, status: statusUsage, check: checkUsage, member: memberUsage, drain: drainUsage, conflicts: conflictsUsage, manifest: manifestUsage };

const cell = (text: string): string => text.replaceAll('|', '\\|');

/** docs/operations/commands.md. */
export function commandsMarkdown(): string {
  const commands = Object.entries(usages).map(([name, usage]) => `## edgestore ${name}\n\n\`\`\`text\n${usage}\n\`\`\`\n`);
  const flags = operatorOptions.map(({ name, default: value, help }) => `| \`--${name}\` | ${value === '' ? '' : `\`${cell(value)}\``} | ${cell(help)} |`);
  return `<!-- Generated from datastore/admin/ and operator/options.ts by npm run generate. Do not edit. -->
# Commands

\`edgestore serve\` runs a replica; its flags have a page of their own, [flags.md](flags.md). The other commands ask replicas that run, over the client port, and say the same with \`--help\`.

${commands.join('\n')}
## edgestore-operator

Each flag can also come from the environment, as \`EDGESTORE_OPERATOR_NAME_OF_FLAG\`; a flag wins. The chart sets them: [charts/edgestore](../../charts/edgestore/README.md).

| flag | default | |
|---|---|---|
${flags.join('\n')}
`;
}

/** Path → contents. */
export function docs(): Map<string, string> {
  return new Map([
    ['docs/metrics.md', metricsMarkdown()],
    ['docs/operations/flags.md', flagsMarkdown()],
    ['docs/operations/commands.md', commandsMarkdown()],
  ]);
}
