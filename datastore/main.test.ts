/** The program as a person meets it: commands, mistakes, exit codes. */
import { afterAll, describe, expect, test } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const folder = mkdtempSync(join(tmpdir(), 'edgestore-main-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function edgestore(args: readonly string[], env: Record<string, string> = {}) {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['datastore/main.ts', ...args], { encoding: 'utf8', env: { PATH: process.env['PATH'] ?? '', ...env }, timeout: 30_000 });
  return { code: status, stdout, stderr };
}

describe('versions and help', () => {
  test.each([[['--version']], [['-version']], [['version']], [['serve', '--version']]])('%j', (args) => {
    const { code, stdout } = edgestore(args);
    expect(code).toBe(0);
    expect(stdout.split('\n')[0]).toBe('etcd Version: 3.7.3');
  });

  test.each([[['help']], [['-h']], [['--help']]])('%j', (args) => {
    const { code, stdout } = edgestore(args);
    expect(code).toBe(0);
    expect(stdout).toContain('--listen-client-urls');
  });
});

describe('mistakes are answered with one line and exit code 1', () => {
  test.each([
    [['stats'], {}, 'there is no command "stats", did you mean "status"?'],
    [['--nmae=x'], {}, 'flag provided but not defined: --nmae (did you mean --name?)'],
    [['serve', '--auto-tls'], {}, '--auto-tls is not supported'],
    [['--name=x'], { ETCD_NAME: 'y' }, 'ETCD_NAME is shadowed by the flag --name'],
    [['--config-file', join(folder, 'none.yaml')], {}, 'cannot be read'],
    [['status', '--nonsense'], {}, 'nonsense'],
    [['dev', '--replicas', '9'], {}, '--replicas must be 1 to 5, not 9'],
  ])('%j %j', (args, env, message) => {
    const { code, stderr } = edgestore(args, env);
    expect(code).toBe(1);
    expect(stderr).toContain(message);
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
  });

  test('a config file with a slip', () => {
    const path = join(folder, 'c.yaml');
    writeFileSync(path, 'nmae: x\n');
    expect(edgestore([], { ETCD_CONFIG_FILE: path })).toMatchObject({ code: 1, stderr: 'edgestore: config file: unknown key: nmae (did you mean name?)\n' });
  });
});
