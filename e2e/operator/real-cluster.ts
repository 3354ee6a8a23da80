/** A real cluster for one suite: hack/cluster, with the image of this checkout on its node. */
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { adminToken, kubeconfigPath } from '../../hack/cluster/kubeconfig.ts';
import { down, load, up } from '../../hack/cluster/lifecycle.ts';
import { apiserverUrl } from '../../hack/cluster/settings.ts';
import type { Settings } from '../../hack/cluster/settings.ts';
import { defaultName, edgestoreImage, versionOf } from '../../hack/image/main.ts';
import { KubeApi } from '../kubernetes/kube-api.ts';
import { run } from '../support/process.ts';
import { tool } from '../tools/tools.ts';

export const ROOT = join(import.meta.dirname, '../..');

export class RealCluster implements AsyncDisposable {
  readonly settings: Settings;
  readonly api: KubeApi;
  private readonly keep: boolean;

  private constructor(settings: Settings, keep: boolean) {
    this.settings = settings;
    this.keep = keep;
    this.api = new KubeApi(apiserverUrl(settings), adminToken(settings));
  }

  /** Starts it. `keep`: it is used as it is if it runs already, and runs on afterwards (for people who look at one step again and again). */
  static async start(name: string, keep = false): Promise<RealCluster> {
    if (!keep) await down(name);
    return new RealCluster(await up(name, 'full', 'etcd', console.log), keep);
  }

  get folder(): string {
    return this.settings.folder;
  }

  /** Builds the image of the checkout at `root` under `tag` and gives it to the node. Returns its name and digest. */
  loadImage(tag = versionOf(ROOT), change?: string, root = ROOT): { readonly name: string; readonly digest: string; readonly archiveBytes: number; readonly unpackedBytes: number } {
    const name = defaultName(tag);
    const image = edgestoreImage(root, name, change ?? tag);
    const file = join(this.folder, `image-${createHash('sha256').update(name).digest('hex').slice(0, 8)}.tar`);
    mkdirSync(this.folder, { recursive: true });
    writeFileSync(file, image.archive);
    load(this.settings, file);
    return { name, digest: image.digest, archiveBytes: image.archive.length, unpackedBytes: image.unpackedBytes };
  }

  /** Runs kubectl; returns what it printed. Throws, with what it said, if it fails. */
  kubectl(args: readonly string[], input?: string): Promise<string> {
    return this.program('kubectl', args, input);
  }

  helm(args: readonly string[]): Promise<string> {
    return this.program('helm', args);
  }

  private async program(name: string, args: readonly string[], input?: string): Promise<string> {
    const result = await run(tool(name), args, {
      timeout_ms: 300_000, cwd: ROOT, ...(input === undefined ? {} : { input }),
      env: { KUBECONFIG: kubeconfigPath(this.settings), HELM_CACHE_HOME: join(this.folder, 'helm/cache'), HELM_CONFIG_HOME: join(this.folder, 'helm/config'), HELM_DATA_HOME: join(this.folder, 'helm/data') },
    });
    if (result.code !== 0) throw new Error(`${name} ${args.join(' ')}: exit code ${result.code}\n${result.stderr}${result.stdout}`);
    return result.stdout;
  }

  /** Server-side apply of objects. */
  async apply(...objects: object[]): Promise<void> {
    await this.kubectl(['apply', '--server-side', '--force-conflicts', '--field-manager=e2e', '-f', '-'], JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects }));
  }

  /** What a person would look at first when something does not work. */
  async diagnose(namespace: string): Promise<void> {
    const commands = [
      ['get', 'edgestores,statefulsets,pods,pvc,hpa', '-n', namespace, '-o', 'wide'],
      ['get', 'edgestores', '-n', namespace, '-o', 'jsonpath={range .items[*]}{.metadata.name}{": "}{.status}{"\\n"}{end}'],
      ['get', 'events', '-n', namespace, '--sort-by=.metadata.creationTimestamp', '-o', 'custom-columns=T:.metadata.creationTimestamp,O:.involvedObject.name,R:.reason,M:.message'],
      ['logs', '-n', 'edgestore-system', '-l', 'app.kubernetes.io/component=operator', '--tail=40', '--prefix'],
    ];
    for (const command of commands) console.log(`$ kubectl ${command.join(' ')}\n${(await this.kubectl(command).catch((error: unknown) => String(error))).split('\n').slice(-45).join('\n')}`);
  }

  /** Lines of what service accounts did, as kube-apiserver's audit log has them. */
  audit(): { readonly user: { readonly username: string }; readonly verb: string; readonly requestURI: string; readonly objectRef?: { readonly resource?: string; readonly subresource?: string; readonly apiGroup?: string; readonly name?: string; readonly namespace?: string } }[] {
    return readFileSync(join(this.folder, 'log/audit.log'), 'utf8').split('\n').filter((line) => line !== '').map((line) => JSON.parse(line) as ReturnType<RealCluster['audit']>[number]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.api.close();
    if (!this.keep && process.env['EDGESTORE_E2E_KEEP'] !== '1') await down(this.settings.name);
  }
}

/** Looks every `interval_ms` until `check` gives something; throws after `timeout_s`, with the last error. */
export async function until<T>(what: string, timeout_s: number, check: () => Promise<T | undefined | false>, interval_ms = 250): Promise<T> {
  const deadline = Date.now() + timeout_s * 1000;
  let last: unknown;
  for (;;) {
    try {
      const found = await check();
      if (found !== undefined && found !== false) return found;
      last = undefined;
    } catch (error) {
      last = error;
    }
    if (Date.now() > deadline) throw new Error(`${what}: not after ${timeout_s} s${last === undefined ? '' : `: ${String(last)}`}`);
    await sleep(interval_ms);
  }
}
