/** The chart against a real apiserver: does it take everything, and what becomes of an upgrade? */
import assert from 'node:assert/strict';
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { ControlPlane } from '../../kubernetes/control-plane.ts';
import type { KubeObject } from '../../kubernetes/kube-api.ts';
import { until } from '../../kubernetes/scenario.ts';
import { edgestoreCluster } from '../../support/edgestore.ts';
import { run } from '../../support/process.ts';
import type { RunResult } from '../../support/process.ts';
import type { TempDir } from '../../support/temp.ts';
import { foreignCrds } from '../../tools/crds.ts';
import { tool } from '../../tools/tools.ts';
import { EVERYTHING } from './cases.ts';
import type { Case } from './cases.ts';
import { CHART, at, helm, mustHelm, render } from './helm.ts';
import { schemasOf } from './schemas.ts';

const NAMESPACE = 'edgestore';
const CRD_PATH = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions/edgestores.edgestore.dev';
const STORES = '/apis/edgestore.dev/v1alpha1/namespaces/edgestore/edgestores';

export class Server implements AsyncDisposable {
  private readonly dir: TempDir;
  private readonly plane: ControlPlane;
  private readonly store: AsyncDisposable;
  readonly cases: readonly Case[];

  private constructor(dir: TempDir, plane: ControlPlane, store: AsyncDisposable) {
    this.dir = dir;
    this.plane = plane;
    this.store = store;
    this.cases = [
      { name: 'helm installs it; EdgeStores are a resource then, and stay one when it is uninstalled', run: () => this.install() },
      { name: 'an apiserver takes everything as it is, and with everything on; no warning', run: () => this.dryRuns() },
      { name: 'kubeconform: every field is one of this Kubernetes version', run: () => this.conform() },
      { name: 'its pods are let in where Pod Security is "restricted"', run: () => this.restricted() },
      { name: 'its account may do what it needs, and no more', run: () => this.mayDo() },
      { name: 'upgrade from an older chart: the CRD is the new one, EdgeStores stay; uninstall leaves both', run: () => this.upgrade() },
    ];
  }

  static async start(dir: TempDir): Promise<Server> {
    const store = await edgestoreCluster({ dir });
    await store.start();
    const plane = await ControlPlane.create({ dir, name: 'plane', etcd: store.endpoints[0] ?? '', apiserverOnly: true });
    await plane.start();
    await plane.api.create('/api/v1/namespaces', { metadata: { name: NAMESPACE, labels: { 'pod-security.kubernetes.io/enforce': 'restricted', 'pod-security.kubernetes.io/warn': 'restricted' } } });
    // The Prometheus operator is not here; what its kinds may be is.
    for (const crd of foreignCrds()) await plane.api.create('/apis/apiextensions.k8s.io/v1/customresourcedefinitions', crd);
    // Without controllers nobody makes the account that every pod has.
    await plane.api.create(`/api/v1/namespaces/${NAMESPACE}/serviceaccounts`, { metadata: { name: 'default' } });
    return new Server(dir, plane, store);
  }

  private get kubeconfig(): string {
    return this.dir.join('plane/kubeconfig');
  }

  private kubectl(args: readonly string[], input = ''): Promise<RunResult> {
    return run(tool('kubectl'), [`--kubeconfig=${this.kubeconfig}`, `--cache-dir=${this.dir.join('kubectl')}`, ...args], { input });
  }

  private helm(args: readonly string[]): Promise<string> {
    return mustHelm([...args, '--kubeconfig', this.kubeconfig, '--namespace', NAMESPACE]);
  }

  private async install(): Promise<void> {
    await this.helm(['install', 'first', CHART, '--set', 'operator.replicas=0']);
    await this.plane.api.create(STORES, { apiVersion: 'edgestore.dev/v1alpha1', kind: 'EdgeStore', metadata: { name: 'kept' }, spec: {} });
    assert.equal(at(await this.plane.api.get(`${STORES}/kept`), 'spec.replicas'), 3);
    await this.helm(['uninstall', 'first']);
    assert.equal(((await this.plane.api.get(`${STORES}/kept`)) as KubeObject).metadata.name, 'kept');
  }

  private async dryRuns(): Promise<void> {
    for (const values of [{}, EVERYTHING, { 'metrics.podMonitor.enabled': true }, { 'operator.namespaces': [NAMESPACE], 'crds.enabled': false }]) {
      const { text } = await render(values);
      const { code, stderr } = await this.kubectl(['apply', '--dry-run=server', '--validate=strict', '--server-side', '--field-manager=test', '--force-conflicts', '-f', '-'], text);
      assert.equal(code, 0, stderr);
      assert.equal(stderr.trim(), '');
    }
  }

  private async conform(): Promise<void> {
    const folder = this.dir.mkdir('schemas');
    for (const [file, schema] of schemasOf(await this.plane.api.get('/openapi/v2'))) writeFileSync(`${folder}/${file}`, JSON.stringify(schema));
    for (const values of [{}, EVERYTHING, { 'metrics.podMonitor.enabled': true }]) {
      const { text } = await render(values);
      const { code, stdout, stderr } = await run(tool('kubeconform'), [
        '-strict', '-summary', '-schema-location', `${folder}/{{.ResourceKind}}{{.KindSuffix}}.json`,
      ], { input: text });
      assert.equal(code, 0, stdout + stderr);
      assert.match(stdout, /Invalid: 0, Errors: 0/);
    }
  }

  private async restricted(): Promise<void> {
    const { one } = await render();
    const pods = [at(one('Deployment'), 'spec.template'), one('Pod')] as KubeObject[];
    for (const [i, pod] of pods.entries()) {
      const { code, stderr } = await this.kubectl(['create', '--dry-run=server', '-f', '-'], JSON.stringify({
        apiVersion: 'v1', kind: 'Pod', metadata: { name: `pod-${i}`, namespace: NAMESPACE }, spec: { ...(pod['spec'] as object), serviceAccountName: 'default' },
      }));
      assert.equal(code, 0, stderr);
    }
  }

  private async mayDo(): Promise<void> {
    // Under another name the kept CRD must be taken over, said in so many words.
    await assert.rejects(this.helm(['install', 'second', CHART, '--set', 'operator.replicas=0']), /invalid ownership metadata/);
    await this.helm(['install', 'second', CHART, '--take-ownership', '--set', 'operator.replicas=0']);
    const may = async (verb: string, resource: string, namespace: string): Promise<string> =>
      (await this.kubectl(['auth', 'can-i', verb, resource, '--namespace', namespace, '--as', `system:serviceaccount:${NAMESPACE}:second-edgestore-operator`])).stdout.trim();
    const [watch, patch, lease, foreignLease, nodes, pods] = await Promise.all([
      may('watch', 'edgestores.edgestore.dev', 'default'), may('patch', 'statefulsets.apps', 'default'), may('update', 'leases.coordination.k8s.io', NAMESPACE),
      may('update', 'leases.coordination.k8s.io', 'default'), may('delete', 'nodes', 'default'), may('delete', 'pods', 'default'),
    ]);
    assert.deepEqual([watch, patch, lease, foreignLease, nodes, pods], ['yes', 'yes', 'yes', 'no', 'no', 'no']);
    await this.helm(['uninstall', 'second']);
  }

  /** The chart as it might have been: an older version, and a CRD that lacks a column and a field. */
  private olderChart(): string {
    const folder = this.dir.join('older');
    mkdirSync(folder, { recursive: true });
    cpSync(CHART, folder, { recursive: true });
    const edit = (file: string, from: string | RegExp, to: string): void => {
      const text = readFileSync(`${folder}/${file}`, 'utf8');
      const edited = text.replace(from, to);
      assert.notEqual(edited, text, `${file} has no ${String(from)}`);
      writeFileSync(`${folder}/${file}`, edited);
    };
    edit('Chart.yaml', /^version: .*$/m, 'version: 0.0.1');
    edit('templates/crds.yaml', / {8}- name: Image\n(?: {10}.*\n)+/, '');
    edit('templates/deployment.yaml', '            - --workers={{ .Values.operator.workers }}\n', '');
    return folder;
  }

  private async upgrade(): Promise<void> {
    const columns = async (): Promise<string[]> => (at(await this.plane.api.get(CRD_PATH), 'spec.versions.0.additionalPrinterColumns') as { name: string }[]).map(({ name }) => name);
    const before = (await this.plane.api.get(`${STORES}/kept`)) as KubeObject;
    const options = { apiVersion: 'v1', kind: 'DeleteOptions' };
    await this.plane.api.remove(`${STORES}/kept`, options);
    await this.plane.api.remove(CRD_PATH, options);
    await until('the CRD is gone', 60, () => this.plane.api.get(CRD_PATH).then(() => false, () => true));
    await this.helm(['install', 'third', this.olderChart(), '--set', 'operator.replicas=0']);
    assert.ok(!(await columns()).includes('Image'));
    await this.plane.api.create(STORES, { apiVersion: 'edgestore.dev/v1alpha1', kind: 'EdgeStore', metadata: { name: 'kept' }, spec: before['spec'] });
    const made = (await this.plane.api.get(`${STORES}/kept`)) as KubeObject;
    await this.helm(['upgrade', 'third', CHART, '--set', 'operator.replicas=0']);
    assert.ok((await columns()).includes('Image'));
    assert.deepEqual(((await this.plane.api.get(`${STORES}/kept`)) as KubeObject).metadata.uid, made.metadata.uid);
    const args = at(await this.plane.api.get(`/apis/apps/v1/namespaces/${NAMESPACE}/deployments/third-edgestore-operator`), 'spec.template.spec.containers.0.args') as string[];
    assert.ok(args.some((arg) => arg.startsWith('--workers=')));
    await this.helm(['rollback', 'third', '1']);
    assert.deepEqual(((await this.plane.api.get(`${STORES}/kept`)) as KubeObject).metadata.uid, made.metadata.uid);
    await this.helm(['uninstall', 'third']);
    assert.deepEqual(((await this.plane.api.get(`${STORES}/kept`)) as KubeObject).metadata.uid, made.metadata.uid);
    const { code } = await helm(['status', 'third', '--kubeconfig', this.kubeconfig, '--namespace', NAMESPACE]);
    assert.notEqual(code, 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.plane.stop();
    await this.store[Symbol.asyncDispose]();
  }
}
