/** The steps of a Dockerfile, as much of the format as hack/image/Dockerfile uses. What it does not know it refuses. */

export type Step =
  | { readonly kind: 'copy'; readonly from: string | null; readonly chown: string | null; readonly sources: readonly string[]; readonly to: string }
  | { readonly kind: 'run'; readonly command: string }
  | { readonly kind: 'workdir'; readonly path: string };

export interface Stage {
  readonly base: string;
  readonly name: string;
  readonly steps: readonly Step[];
  readonly user: string;
  readonly entrypoint: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** Throws on an instruction that nobody here plays. */
export function parse(text: string): Stage[] {
  const stages: { base: string; name: string; steps: Step[]; user: string; entrypoint: string[]; env: Record<string, string> }[] = [];
  const lines = text.replaceAll(/\\\n/g, ' ').split('\n').map((line) => line.trim()).filter((line) => line !== '' && !line.startsWith('#'));
  for (const line of lines) {
    const [word = '', ...words] = line.split(/\s+/);
    const rest = line.slice(word.length).trim();
    const stage = stages.at(-1);
    if (word === 'FROM') {
      stages.push({ base: words[0] ?? '', name: words[1]?.toUpperCase() === 'AS' ? (words[2] ?? '') : '', steps: [], user: '', entrypoint: [], env: {} });
      continue;
    }
    if (stage === undefined) throw new Error(`before FROM: ${line}`);
    if (word === 'COPY') {
      const options = new Map(words.filter((one) => one.startsWith('--')).map((one) => one.slice(2).split('=') as [string, string]));
      const unknown = [...options.keys()].filter((name) => name !== 'from' && name !== 'chown');
      if (unknown.length > 0) throw new Error(`nobody plays --${unknown.join(', --')}: ${line}`);
      const paths = words.filter((one) => !one.startsWith('--'));
      stage.steps.push({ kind: 'copy', from: options.get('from') ?? null, chown: options.get('chown') ?? null, sources: paths.slice(0, -1), to: paths.at(-1) ?? '' });
    } else if (word === 'RUN') stage.steps.push({ kind: 'run', command: rest });
    else if (word === 'WORKDIR') stage.steps.push({ kind: 'workdir', path: rest });
    else if (word === 'USER') stage.user = rest;
    else if (word === 'ENTRYPOINT') stage.entrypoint = JSON.parse(rest) as string[];
    else if (word === 'ENV') Object.assign(stage.env, Object.fromEntries(words.map((one) => one.split('='))));
    else if (word !== 'EXPOSE') throw new Error(`nobody plays ${word}: ${line}`);
  }
  return stages;
}
