/** EdgeStore as it might have been before this: an image of another version, and a chart with a CRD that lacks a field and an operator that lacks a flag. */
import { cpSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../../support/process.ts';
import { ROOT } from '../real-cluster.ts';
import { expect } from '../steps.ts';

/** The field of the CRD that the older chart does not know. */
export const NEW_FIELD = 'maxConnectionAge';

/** What its replicas and its operator say of themselves. */
export const OLDER_VERSION = '0.0.1';

function edit(path: string, from: RegExp, to: string): void {
  const text = readFileSync(path, 'utf8');
  const edited = text.replace(from, to);
  expect(edited !== text, `${path} has no ${String(from)}`);
  writeFileSync(path, edited);
}

/** Writes the chart to `folder`. */
export function olderChart(folder: string): string {
  cpSync(join(ROOT, 'charts/edgestore'), folder, { recursive: true });
  edit(join(folder, 'Chart.yaml'), /^version: .*$/m, 'version: 0.0.1');
  edit(join(folder, 'templates/crds.yaml'), new RegExp(`^( +)${NEW_FIELD}:\\n(?:\\1 +.*\\n)+`, 'm'), '');
  edit(join(folder, 'templates/deployment.yaml'), /^ +- --workers=.*\n/m, '');
  return folder;
}

/** Of a checkout, what an image is made of. */
const PARTS = ['datastore', 'operator', 'crds', 'package.json', 'package-lock.json', 'LICENSE'];

/**
 * Writes a checkout to `folder` of which an image can be made: the program as it was at `commit`, or else as it is, with the older version's number.
 * Dependencies are this checkout's if they were the same; otherwise npm installs those of then.
 */
export async function olderProgram(folder: string, commit?: string): Promise<string> {
  mkdirSync(folder, { recursive: true });
  if (commit === undefined) {
    for (const part of PARTS) cpSync(join(ROOT, part), join(folder, part), { recursive: true });
  } else {
    const must = async (command: string, args: readonly string[], cwd = ROOT): Promise<void> => {
      const { code, stderr } = await run(command, args, { timeout_ms: 300_000, cwd });
      expect(code === 0, `${command} ${args.join(' ')}: ${stderr}`);
    };
    const archive = join(folder, 'program.tar');
    await must('git', ['archive', '-o', archive, commit, ...PARTS]);
    await must('tar', ['-xf', archive, '-C', folder]);
    const lock = (root: string): string => readFileSync(join(root, 'package-lock.json'), 'utf8');
    if (lock(folder) !== lock(ROOT)) await must('npm', ['ci', '--omit=dev', '--no-audit', '--no-fund'], folder);
  }
  edit(join(folder, 'datastore/config/version.ts'), /(EDGESTORE_VERSION = ')[^']*/, `$1${OLDER_VERSION}`);
  if (!existsSync(join(folder, 'node_modules'))) symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  return folder;
}
