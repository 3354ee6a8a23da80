/**
 * A Kubernetes cluster of one node on this machine, without docker.
 *
 *   npm run cluster -- up [--mode full|light] [--store etcd|edgestore]
 *   npm run cluster -- down | kubeconfig | status | load ARCHIVE | exec COMMAND...
 *
 * --name NAME (default: dev): several may run at once. full: containerd, kubelet, kube-proxy, CoreDNS, metrics-server, volumes; needs root.
 * light: apiserver, controllers, scheduler and KWOK, whose nodes and pods are played.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { kubeconfigPath } from './kubeconfig.ts';
import { down, inside, load, running, up } from './lifecycle.ts';
import { apiserverUrl } from './settings.ts';
import type { Mode, Settings, StoreKind } from './settings.ts';

function oneOf<T extends string>(flag: string, value: string, choices: readonly T[]): T {
  const found = choices.find((choice) => choice === value);
  if (found === undefined) throw new Error(`${flag} ${value}: one of ${choices.join(', ')}`);
  return found;
}

function mustRun(name: string): Settings {
  const settings = running(name);
  if (settings === undefined) throw new Error(`cluster ${name} does not run; start it with: npm run cluster -- up --name ${name}`);
  return settings;
}

async function main(args: readonly string[]): Promise<number> {
  // What follows `exec` is another program's.
  const cut = args.indexOf('exec');
  const { values, positionals: [command = '', ...rest] } = parseArgs({
    args: cut === -1 ? [...args] : args.slice(0, cut + 1),
    options: { name: { type: 'string', default: 'dev' }, mode: { type: 'string', default: 'full' }, store: { type: 'string', default: 'etcd' } },
    allowPositionals: true,
  });
  const { name } = values;
  switch (command) {
    case 'up': {
      const from = Date.now();
      const settings = await up(name, oneOf<Mode>('--mode', values.mode, ['full', 'light']), oneOf<StoreKind>('--store', values.store, ['etcd', 'edgestore']), console.log);
      console.log(`cluster ${name} is ready after ${((Date.now() - from) / 1000).toFixed(1)} s: ${apiserverUrl(settings)}\n\n  export KUBECONFIG=${kubeconfigPath(settings)}\n\nlogs: ${join(settings.folder, 'log')}`);
      return 0;
    }
    case 'down':
      await down(name);
      return 0;
    case 'kubeconfig':
      console.log(kubeconfigPath(mustRun(name)));
      return 0;
    case 'status': {
      const settings = running(name);
      console.log(settings === undefined ? `cluster ${name} does not run` : JSON.stringify(settings, null, 2));
      return settings === undefined ? 1 : 0;
    }
    case 'load':
      if (rest.length === 0) throw new Error('load: name archives');
      for (const archive of rest) load(mustRun(name), archive);
      return 0;
    case 'exec': {
      const [program = '', ...programArgs] = [...inside(mustRun(name)), ...args.slice(cut + 1)];
      return spawnSync(program, programArgs, { stdio: 'inherit' }).status ?? 1;
    }
    default:
      throw new Error(`cluster: no command '${command}'; there are: up, down, load, kubeconfig, status, exec`);
  }
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
