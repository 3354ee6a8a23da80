/**
 * Runs a cluster's programs for as long as it runs itself: `node supervisor.ts FOLDER`. `up` starts it, with mode full as the only program of new
 * network, mount and process namespaces, so that nothing can outlive it. A program that ends is started again.
 */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { appendFileSync, closeSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { KubeApi } from '../../e2e/kubernetes/kube-api.ts';
import type { KubeObject } from '../../e2e/kubernetes/kube-api.ts';
import { fakeNode } from '../../e2e/kubernetes/kwok.ts';
import { tool } from '../../e2e/tools/tools.ts';
import { makeCertificates } from './certificates.ts';
import { apiserverCommand, controllerCommands, makeFolders, storeCommand } from './control-plane.ts';
import type { Command } from './control-plane.ts';
import { adminToken, kubeconfigPath, writeKubeconfigs } from './kubeconfig.ts';
import { manifests } from './manifests.ts';
import { joinNetwork } from './network.ts';
import { PAUSE_IMAGE, addonCommands, containerdCommand, kubeletCommand, proxyCommand } from './node.ts';
import { pauseImage } from './pause.ts';
import { Provisioner } from './provisioner.ts';
import { apiserverUrl, readSettings } from './settings.ts';
import type { Settings } from './settings.ts';

const READY_TIMEOUT_MS = 240_000;
const RESTART_MS = 1_000;
const STOP_GRACE_MS = 10_000;

class Supervisor {
  private readonly folder: string;
  private readonly children = new Map<string, ChildProcess>();
  private stopping = false;

  constructor(folder: string) {
    this.folder = folder;
  }

  readonly log = (text: string): void => appendFileSync(join(this.folder, 'log/supervisor.log'), `${new Date().toISOString()} ${text}\n`);

  /** Starts a program and starts it again whenever it ends. */
  start(command: Command): void {
    if (this.stopping) return;
    const log = openSync(join(this.folder, `log/${command.name}.log`), 'a');
    // The kernel ends it if this process is gone, however that went.
    const child = spawn('setpriv', ['--pdeathsig', 'KILL', command.command, ...command.args], { stdio: ['ignore', log, log], env: { ...process.env, ...command.env } });
    closeSync(log);
    this.children.set(command.name, child);
    child.once('error', (error) => this.log(`${command.name}: ${error.message}`));
    child.once('exit', (code, signal) => {
      this.children.delete(command.name);
      if (this.stopping) return;
      this.log(`${command.name} ended: ${signal ?? code}`);
      setTimeout(() => this.start(command), RESTART_MS);
    });
  }

  /** Ends all, the last started first. */
  async stop(): Promise<void> {
    this.stopping = true;
    for (const child of [...this.children.values()].reverse()) {
      const exited = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), STOP_GRACE_MS);
      await exited;
      clearTimeout(timer);
    }
  }

  /** Runs a program to its end, with `input`. Throws if it fails. */
  async run(command: string, args: readonly string[], input: Buffer | string): Promise<void> {
    const log = openSync(join(this.folder, 'log/supervisor.log'), 'a');
    const child = spawn(command, args, { stdio: ['pipe', log, log] });
    closeSync(log);
    child.stdin?.on('error', () => undefined); // it may end without having read its input
    child.stdin?.end(input);
    const code = await new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', resolve);
    });
    if (code !== 0) throw new Error(`${command} ${args.join(' ')}: exit code ${String(code)}, see log/supervisor.log`);
  }
}

/** Tries until it is true or, after four minutes, throws. */
async function until(what: string, check: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + READY_TIMEOUT_MS;
  let last = '';
  for (;;) {
    if (await check().catch((error: unknown) => { last = String(error); return false; })) return;
    if (Date.now() > deadline) throw new Error(`${what}: not after ${READY_TIMEOUT_MS / 1000} s ${last}`);
    await sleep(200);
  }
}

const isTrue = (object: unknown, type: string): boolean =>
  ((object as { status?: { conditions?: { type: string; status: string }[] } }).status?.conditions ?? []).some((condition) => condition.type === type && condition.status === 'True');

async function startNode(settings: Settings, supervisor: Supervisor, api: KubeApi): Promise<void> {
  const { net } = settings;
  if (net === undefined) return;
  const certificates = makeCertificates(settings);
  await until('containerd', () => supervisor.run('ctr', ['version'], '').then(() => true));
  await supervisor.run('ctr', ['-n', 'k8s.io', 'image', 'import', '-'], pauseImage(PAUSE_IMAGE));
  supervisor.start(kubeletCommand(settings, certificates));
  supervisor.start(proxyCommand(settings, net));
  for (const command of addonCommands(settings, certificates)) supervisor.start(command);
  await until('node', async () => isTrue(await api.get(`/api/v1/nodes/${settings.name}`), 'Ready'));
}

async function run(settings: Settings, supervisor: Supervisor): Promise<void> {
  const full = settings.mode === 'full';
  makeFolders(settings.folder);
  if (full) await joinNetwork(settings);
  const certificates = makeCertificates(settings);
  writeKubeconfigs(settings, certificates);
  if (full) supervisor.start(containerdCommand(settings));
  supervisor.start(storeCommand(settings));
  supervisor.start(apiserverCommand(settings, certificates));
  const api = new KubeApi(apiserverUrl(settings), adminToken(settings));
  await until('kube-apiserver', async () => (await api.text('/readyz')) === 'ok');
  for (const command of controllerCommands(settings, certificates)) supervisor.start(command);
  const list = { apiVersion: 'v1', kind: 'List', items: manifests(settings) };
  await supervisor.run(tool('kubectl'), ['--kubeconfig', kubeconfigPath(settings), 'apply', '--server-side', '-f', '-'], JSON.stringify(list));
  if (full) await startNode(settings, supervisor, api);
  else await api.create('/api/v1/nodes', fakeNode(0));
  await until('default service account', async () => (await api.get('/api/v1/namespaces/default/serviceaccounts/default') as KubeObject).metadata.name === 'default');
  if (full) await until('metrics', async () => isTrue(await api.get('/apis/apiregistration.k8s.io/v1/apiservices/v1beta1.metrics.k8s.io'), 'Available'));
  writeFileSync(join(settings.folder, 'ready'), '');
  supervisor.log('ready');
  const provisioner = new Provisioner(api, join(settings.folder, 'volumes'), supervisor.log);
  for (;;) {
    if (full) await provisioner.reconcile().catch((error: unknown) => supervisor.log(String(error)));
    await sleep(1_000);
  }
}

const settings = readSettings(process.argv[2] ?? '');
if (settings === undefined) throw new Error('supervisor.ts FOLDER: no settings.json there');
const supervisor = new Supervisor(settings.folder);
for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.once(signal, () => void supervisor.stop().then(() => process.exit(0)));
}
try {
  await run(settings, supervisor);
} catch (error) {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  supervisor.log(text);
  writeFileSync(join(settings.folder, 'failed'), text);
  await supervisor.stop();
  process.exit(1);
}
