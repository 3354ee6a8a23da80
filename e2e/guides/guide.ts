/** Runs a guide: every block, in order, where it says. The first that does not do what the guide says ends it. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ROOT } from '../support/edgestore.ts';
import { blocksOf, firstMissing } from './blocks.ts';
import type { Block } from './blocks.ts';

/** Where commands are run: a namespace of its own, or this machine beside a cluster. */
export interface Shell {
  run(script: string, timeout_s: number): Promise<{ readonly code: number; readonly text: string }>;
  write(path: string, text: string): Promise<void>;
}

export interface GuideOptions {
  /** In docs/guides, without ".md". */
  readonly name: string;
  readonly places: Readonly<Record<string, Shell>>;
  /** What `<!-- test: NAME … -->` does. */
  readonly acts?: Readonly<Record<string, (...words: string[]) => Promise<unknown>>>;
  /** Prints everything that the commands print, for whoever writes the guide. */
  readonly show: boolean;
}

const RUN_LIMIT_S = 180;
/** A look that is over in a moment is repeated after one. */
const PAUSE_MS = 500;

export class GuideError extends Error {}

/** Returns how many blocks it ran. Throws GuideError, which names the line. */
export async function runGuide({ name, places, acts = {}, show }: GuideOptions): Promise<number> {
  const blocks = blocksOf(readFileSync(join(ROOT, `docs/guides/${name}.md`), 'utf8'));
  for (const block of blocks) {
    const from = Date.now();
    await runBlock(block).catch((error: unknown) => {
      throw new GuideError(`docs/guides/${name}.md:${block.line}: ${error instanceof Error ? error.message : String(error)}`);
    });
    if (show) console.log(`    line ${block.line}: ${((Date.now() - from) / 1000).toFixed(1)} s`);
  }
  return blocks.length;

  async function runBlock(block: Block): Promise<void> {
    if (block.kind === 'act') {
      const [act = '', ...words] = block.words;
      if (acts[act] === undefined) throw new Error(`the test knows no "${act}"`);
      await acts[act](...words);
      return;
    }
    if (block.kind === 'copy') {
      if (readFileSync(join(ROOT, block.path), 'utf8') !== block.text) throw new Error(`it is not what ${block.path} says`);
      return;
    }
    const place = places[block.at];
    if (place === undefined) throw new Error(`there is no place "${block.at}"`);
    if (block.kind === 'file') return place.write(block.path, block.text);
    if (block.kind === 'look') return look(place, block);
    const { code, text } = await place.run(block.text, RUN_LIMIT_S);
    if (show) console.log(`${block.text}${text}`);
    if (code !== 0) throw new Error(`exit code ${code}\n${block.text}\n${text}`);
  }

  async function look(place: Shell, { text: command, expected, within_s }: Block & { kind: 'look' }): Promise<void> {
    const deadline = Date.now() + within_s * 1000;
    for (;;) {
      const { text } = await place.run(command, RUN_LIMIT_S);
      const missing = firstMissing(expected, text);
      if (missing === null) {
        if (show) console.log(`$ ${command}\n${text}`);
        return;
      }
      if (Date.now() > deadline) throw new Error(`after ${within_s} s the line "${missing}" is not in order among what is printed:\n$ ${command}\n${text}`);
      await sleep(PAUSE_MS);
    }
  }
}
