/** The chart as it might have been before this one: an older version, a CRD that lacks a field, an operator that lacks a flag. */
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../real-cluster.ts';
import { expect } from '../steps.ts';

/** The field of the CRD that the older chart does not know. */
export const NEW_FIELD = 'maxConnectionAge';

/** Writes it to `folder`. */
export function olderChart(folder: string): string {
  cpSync(join(ROOT, 'charts/edgestore'), folder, { recursive: true });
  const edit = (file: string, from: RegExp, to: string): void => {
    const path = join(folder, file);
    const text = readFileSync(path, 'utf8');
    const edited = text.replace(from, to);
    expect(edited !== text, `${file} has no ${String(from)}`);
    writeFileSync(path, edited);
  };
  edit('Chart.yaml', /^version: .*$/m, 'version: 0.0.1');
  edit('templates/crds.yaml', new RegExp(`^( +)${NEW_FIELD}:\\n(?:\\1 +.*\\n)+`, 'm'), '');
  edit('templates/deployment.yaml', /^ +- --workers=.*\n/m, '');
  return folder;
}
