/** CRDs of other projects, as they publish them: from their Go modules, at pinned versions and with the checksums that Go's own checksum database has. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { load } from 'js-yaml';
import type { KubeObject } from '../kubernetes/kube-api.ts';

const modules = [
  {
    module: 'github.com/prometheus-operator/prometheus-operator@v0.85.0', sum: 'h1:M5xLCLEoaW2IJfnuCwFzzpL+jSVQu3KGT84Pye+fW8s=',
    files: ['podmonitors', 'servicemonitors', 'prometheusrules'].map((kind) => `example/prometheus-operator-crd/monitoring.coreos.com_${kind}.yaml`),
  },
  {
    module: 'github.com/cert-manager/cert-manager@v1.21.2', sum: 'h1:UWgoYM+KLNtRlqmoWOKjKBOBUPVHeepQ6/ac3ERJW68=',
    files: ['deploy/crds/cert-manager.io_certificates.yaml'],
  },
];

/** PodMonitor, ServiceMonitor, PrometheusRule and Certificate. Downloads what is not in Go's cache. Throws if it is not what it was. */
export function foreignCrds(): KubeObject[] {
  return modules.flatMap(({ module, sum, files }) => {
    // In a folder without a module: a version that is named in full needs none.
    const answer = JSON.parse(execFileSync('go', ['mod', 'download', '-json', module], { cwd: tmpdir(), encoding: 'utf8', env: { ...process.env, GOFLAGS: '', GOWORK: 'off' } })) as { Dir: string; Sum: string };
    if (answer.Sum !== sum) throw new Error(`${module} has the checksum ${answer.Sum}, not ${sum}`);
    return files.map((file) => load(readFileSync(join(answer.Dir, file), 'utf8')) as KubeObject);
  });
}
