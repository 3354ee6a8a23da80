/** What people read about the options: help text and the table in docs/operations/flags.md. */
import { groups } from './option.ts';
import type { Option } from './option.ts';
import { options } from './options.ts';
import { environmentName } from './sources.ts';

const all: readonly Option[] = options;

function wrap(text: string, width: number, indent: string): string {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + word.length + 1 > width) {
      lines.push(line);
      line = '';
    }
    line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line].map((l) => indent + l).join('\n');
}

/** The options as `--help` prints them. */
export function helpText(): string {
  const sections = groups.map((group) => {
    const rows = all.filter((option) => option.group === group);
    // What does nothing is named, not explained: docs/operations/flags.md has the reasons.
    if (group.startsWith('Of etcd')) return `${group}:\n${wrap(rows.map((option) => `--${option.name}`).join(' '), 100, '  ')}`;
    return `${group}:\n${rows.map((option) => `  --${option.name}${option.kind === 'flag' && option.default === 'false' ? '' : ` '${option.default}'`}\n${wrap(option.help, 96, '    ')}`).join('\n')}`;
  });
  return `Usage:

  edgestore [serve] [flags]     run one replica (etcd's own flags start it too)
  edgestore dev                 run three replicas on this machine, to try
  edgestore status [flags]      ask replicas how they are
  edgestore member COMMAND      list, add, update, remove, evict and force-remove replicas
  edgestore drain [flags]       take a replica out of service without a loss
  edgestore conflicts [flags]   list the writes that concurrent ones have beaten
  edgestore check [flags]       put at each replica and read at all others
  edgestore manifest [flags]    print a static pod that runs one replica
  edgestore version             print versions
  edgestore help                print this

Every flag may be written with one dash or two, and set by the environment: ETCD_SOME_FLAG or EDGESTORE_SOME_FLAG for --some-flag.

${sections.join('\n\n')}
`;
}

const cell = (text: string): string => text.replaceAll('|', '\\|');

/** docs/operations/flags.md. */
export function flagsMarkdown(): string {
  const tables = groups.map((group) => {
    const rows = all.filter((option) => option.group === group).map((option) => {
      const file = option.file === undefined ? option.name : `${option.file.section}: ${option.file.key}`;
      const value = option.default === '' ? '' : `\`${option.default}\``;
      return `| \`--${option.name}\` | ${value} | \`${environmentName(option.own ? 'EDGESTORE' : 'ETCD', option.name)}\` | \`${file}\` | ${cell(option.help)} |`;
    });
    return `## ${group}\n\n| flag | default | environment | config file | |\n|---|---|---|---|---|\n${rows.join('\n')}\n`;
  });
  return `<!-- Generated from datastore/config/options.ts by npm run generate. Do not edit. -->
# Flags

\`edgestore serve\` takes etcd's flags. Each may have one dash or two; booleans are true without a value. Every option can also come from the
environment (\`ETCD_…\`, or \`EDGESTORE_…\`, which wins), or all of them from one file (\`--config-file\`, etcd's YAML): then flags and
environment are ignored, as in etcd. A variable and a flag for the same option together are an error. Durations are Go's: \`10s\`, \`1h30m\`
(in a file also whole nanoseconds). An unknown flag stops the start; so does a flag for something that EdgeStore does not do. Flags that
mean nothing without consensus are accepted and logged once.

${tables.join('\n')}`;
}
