/**
 * A guide's code blocks, as its test runs them. What a block is, its fence says (Markdown shows only the first word):
 *
 *     ```sh at=PLACE                    run as it stands; must exit 0. at=a,b: at each
 *     ```console at=PLACE within=60     "$ command" and what it prints: run again and again until it prints that, at most so many seconds
 *     ```yaml at=PLACE file=PATH        written to PATH (yaml, json, ini, ...)
 *     ```yaml from=PATH                  the file of that path in this repository, word for word
 *     ```text, ```mermaid               for people only
 *     <!-- test: NAME ARGUMENTS -->     something that the test does itself: a link is cut, files are carried to another machine
 */
export type Block =
  | { readonly kind: 'run'; readonly line: number; readonly at: string; readonly text: string }
  | { readonly kind: 'look'; readonly line: number; readonly at: string; readonly text: string; readonly expected: readonly string[]; readonly within_s: number }
  | { readonly kind: 'file'; readonly line: number; readonly at: string; readonly path: string; readonly text: string }
  | { readonly kind: 'copy'; readonly line: number; readonly path: string; readonly text: string }
  | { readonly kind: 'act'; readonly line: number; readonly words: readonly string[] };

const FOR_PEOPLE = ['text', 'mermaid'];
const WITHIN_S = 180;

/** "key=value" words of a fence. */
function attributes(words: readonly string[]): Map<string, string> {
  return new Map(words.map((word) => {
    const equals = word.indexOf('=');
    return [word.slice(0, equals), word.slice(equals + 1)];
  }));
}

/** A block per command: what follows "$ " up to the next one is what it prints. A command goes on behind a backslash. */
function looks(line: number, at: string, body: readonly string[], within_s: number): Block[] {
  const found: { line: number; command: string[]; expected: string[] }[] = [];
  let continued = false;
  body.forEach((text, i) => {
    const last = found.at(-1);
    if (continued && last !== undefined) last.command.push(text);
    else if (text.startsWith('$ ')) found.push({ line: line + 1 + i, command: [text.slice(2)], expected: [] });
    else if (last === undefined) throw new Error(`line ${line}: a console block begins with "$ command"`);
    else if (text.trim() !== '') last.expected.push(text);
    continued = text.endsWith('\\') && (continued || text.startsWith('$ '));
  });
  return found.map((one) => ({ kind: 'look', line: one.line, at, text: one.command.join('\n'), expected: one.expected, within_s }));
}

/** All blocks of a guide, in order. Throws on one of which nobody says what it is: nothing in a guide goes untested by accident. */
export function blocksOf(markdown: string): Block[] {
  const blocks: Block[] = [];
  const lines = markdown.split('\n');
  for (let i = 0; i < lines.length; i++) {
    const line = i + 1;
    const act = /^<!-- test: (.*) -->$/.exec(lines[i] ?? '')?.[1];
    if (act !== undefined) blocks.push({ kind: 'act', line, words: act.trim().split(/\s+/) });
    const fence = /^```(.*)$/.exec(lines[i] ?? '')?.[1];
    if (fence === undefined) continue;
    const end = lines.indexOf('```', i + 1);
    if (end < 0) throw new Error(`line ${line}: the block has no end`);
    const body = lines.slice(i + 1, end);
    const [language = '', ...words] = fence.trim().split(/\s+/);
    const given = attributes(words);
    i = end;
    if (FOR_PEOPLE.includes(language)) continue;
    const from = given.get('from');
    if (from !== undefined) {
      blocks.push({ kind: 'copy', line, path: from, text: `${body.join('\n')}\n` });
      continue;
    }
    const at = given.get('at');
    if (at === undefined) throw new Error(`line ${line}: a block says where it is run (at=PLACE), or is \`\`\`text`);
    const path = given.get('file');
    const text = `${body.join('\n')}\n`;
    const places = at.split(',');
    if (path !== undefined) blocks.push(...places.map((place): Block => ({ kind: 'file', line, at: place, path, text })));
    else if (language === 'console') blocks.push(...places.flatMap((place) => looks(line, place, body, Number(given.get('within') ?? WITHIN_S))));
    else if (language === 'sh') blocks.push(...places.map((place): Block => ({ kind: 'run', line, at: place, text })));
    else throw new Error(`line ${line}: \`\`\`${language} is neither sh nor console, and names no file`);
  }
  return blocks;
}

const escape = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

/** A figure, with or without a unit; a time, as kubectl writes it or as logs do. */
const FIGURE = /^-?\d+(\.\d+)?(%|[KMG]i?B?|[µmn]?s)?$|^(\d+[dhms])+$|^\d{4}-\d\d-\d\dT[\d:.]+Z?$/;
const ID = /([0-9a-f]{8,})/;

/** One printed line as a pattern: figures and ids are others each time, columns are as wide as they are, and … stands for anything. */
function pattern(line: string): RegExp {
  const word = (text: string): string => (FIGURE.test(text) ? '\\S*\\d\\S*' : text.split('…').map((part) =>
    part.split(ID).map((piece, i) => (i % 2 === 1 ? '[0-9a-f]{8,}' : escape(piece))).join('')).join('.*'));
  return new RegExp(`^\\s*${line.trim().split(/\s+/).map(word).join('\\s+')}\\s*$`);
}

/** Which expected line is not there, in order, among what was printed; null: all are. */
export function firstMissing(expected: readonly string[], printed: string): string | null {
  const lines = printed.split('\n');
  let from = 0;
  for (const wanted of expected) {
    const found = lines.findIndex((line, i) => i >= from && pattern(wanted).test(line));
    if (found < 0) return wanted;
    from = found + 1;
  }
  return null;
}
