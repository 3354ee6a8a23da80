/** The layer below the program: Node, the system libraries that it is linked with, and the few files that a C library expects. */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { basename, join } from 'node:path';
import { rootCertificates } from 'node:tls';
import { Tree } from './tree.ts';

/** Whom the container runs as: distroless' "nonroot". */
export const NONROOT = 65532;

const passwd = `root:x:0:0:root:/:/sbin/nologin\nnonroot:x:${NONROOT}:${NONROOT}:nonroot:/tmp:/sbin/nologin\n`;
const group = `root:x:0:\nnonroot:x:${NONROOT}:\n`;

function output(command: string, args: readonly string[]): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: 'utf8' });
  if (error !== undefined || status !== 0) throw new Error(`${command} ${args.join(' ')}: ${error?.message ?? stderr}`);
  return stdout;
}

/** The files that the program loads, by the path at which it looks for them: `ldd`'s "name => /path" and the loader's own "/lib64/ld-…". */
export function librariesOf(program: string): string[] {
  return output('ldd', [program]).split('\n').flatMap((line) => {
    const path = /(?:=> )?(\/\S+) \(0x/.exec(line)?.[1];
    return path === undefined ? [] : [path];
  }).sort();
}

/**
 * The Debian packages that libraries come from: their names and versions where scanners look for them (as distroless images have it), and
 * their licences. Empty where there is no dpkg: then the libraries are there, but nobody can say which they are.
 */
function packages(libraries: readonly string[]): string[] {
  const found = libraries.map((path) => {
    // Where /lib is a link to /usr/lib, dpkg knows either the one or the other.
    for (const name of [path, realpathSync(path)].flatMap((candidate) => [candidate, candidate.replace(/^\/usr/, '')])) {
      const { status, stdout } = spawnSync('dpkg', ['-S', name], { encoding: 'utf8' });
      if (status === 0) return stdout.split(':')[0] ?? '';
    }
    return '';
  });
  return [...new Set(found)].filter((name) => name !== '').sort();
}

/** `node`: the folder of the npm package that carries Node. */
export function runtimeTree(node: string): Tree {
  const tree = new Tree();
  const program = join(node, 'bin/node');
  const libraries = librariesOf(program);
  tree.copy('usr/local/bin/node', program);
  tree.copy('usr/share/doc/node/LICENSE', join(node, 'LICENSE'));
  for (const path of libraries) tree.copy(path.slice(1), realpathSync(path));
  for (const name of packages(libraries)) {
    tree.file(`var/lib/dpkg/status.d/${name}`, output('dpkg-query', ['-s', name]).replace(/^(Status|Conffiles):.*\n( .*\n)*/gm, ''));
    const licence = `/usr/share/doc/${name}/copyright`;
    if (existsSync(licence)) tree.file(`usr/share/doc/${name}/copyright`, readFileSync(realpathSync(licence)));
  }
  tree.file('etc/passwd', passwd);
  tree.file('etc/group', group);
  tree.file('etc/nsswitch.conf', 'passwd: files\ngroup: files\nhosts: files dns\n');
  // Mozilla's list, as Node carries it: the machine's own may have been added to.
  tree.file('etc/ssl/certs/ca-certificates.crt', `${rootCertificates.join('\n')}\n`);
  tree.directory('tmp', 0o1777);
  tree.directory('var/lib/edgestore', 0o755, NONROOT);
  return tree;
}

/** Go's name of the architecture that a Node package is for. */
export function architectureOf(node: string): string {
  return basename(node).endsWith('arm64') ? 'arm64' : 'amd64';
}
