/**
 * The guides of docs/guides, run as they stand.
 *
 *   node e2e/guides/main.ts [--only NAME[,NAME]] [--show]
 *
 * Each machine of a guide is a set of namespaces on this one; --show prints what every command prints.
 */
import { parseArgs } from 'node:util';
import { Steps } from '../operator/steps.ts';
import { TempDir } from '../support/temp.ts';
import { runGuide } from './guide.ts';
import { Place, connect } from './place.ts';

const { values } = parseArgs({ options: { only: { type: 'string' }, show: { type: 'boolean', default: false } } });
const chosen = values.only?.split(',');
const steps = new Steps('docs/guides');
const wanted = (name: string): boolean => chosen === undefined || chosen.includes(name);

/** Two sites with a cable between them: the guide's "the link is cut" pulls it, so that nobody is told. */
async function twoSites(name: string, [a, addressesA]: readonly [string, readonly string[]], [b, addressesB]: readonly [string, readonly string[]]): Promise<void> {
  await steps.run(`docs/guides/${name}.md, as it stands`, async () => {
    await using dir = TempDir.create(`guide-${name}`);
    const one = await Place.create(a, dir.path);
    const other = await Place.create(b, dir.path);
    const places = { [a]: one, [b]: other };
    try {
      await connect(one, addressesA, other, addressesB);
      const count = await runGuide({
        name, places, show: values.show,
        acts: {
          cut: () => one.mustRun('ip link set eth0 down'),
          heal: () => one.mustRun('ip link set eth0 up'),
          carry: (path, from, to) => places[from ?? '']!.carry(path ?? '', places[to ?? '']!),
        },
      });
      return `${count} blocks`;
    } finally {
      await one.stop();
      await other.stop();
    }
  });
}

const addresses = (...last: number[]): string[] => last.map((n) => `192.0.2.${n}`);

if (wanted('federation')) await twoSites('federation', ['north', addresses(11, 12, 13)], ['south', addresses(21, 22, 23)]);
process.exit(steps.failed ? 1 : 0);
