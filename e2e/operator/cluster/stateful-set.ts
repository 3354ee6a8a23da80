/** Replicas on Kubernetes without the operator: what a person would write who has only the image. */

const PORT = { client: 2379, peer: 2380 };

/** A headless Service, one for clients, a StatefulSet. Labels and names are those that the operator gives, so that the same helpers find them. */
export function handMade(name: string, namespace: string, replicas: number, image: string): object[] {
  const labels = { 'app.kubernetes.io/name': 'edgestore', 'app.kubernetes.io/instance': name };
  const host = (pod: string): string => `${pod}.${name}-headless.${namespace}.svc.cluster.local`;
  const peers = Array.from({ length: replicas }, (_, i) => `${name}-${i}=http://${host(`${name}-${i}`)}:${PORT.peer}`);
  const ports = Object.entries(PORT).map(([portName, port]) => ({ name: portName, port }));
  const probe = (path: string, more: object): object => ({ httpGet: { path, port: PORT.client }, timeoutSeconds: 5, ...more });
  return [
    { apiVersion: 'v1', kind: 'Service', metadata: { name: `${name}-headless`, namespace }, spec: { clusterIP: 'None', publishNotReadyAddresses: true, selector: labels, ports } },
    { apiVersion: 'v1', kind: 'Service', metadata: { name: `${name}-client`, namespace }, spec: { selector: labels, ports: [{ name: 'client', port: PORT.client }] } },
    {
      apiVersion: 'apps/v1', kind: 'StatefulSet', metadata: { name, namespace },
      spec: {
        serviceName: `${name}-headless`, replicas, podManagementPolicy: 'Parallel', selector: { matchLabels: labels },
        template: {
          metadata: { labels },
          spec: {
            automountServiceAccountToken: false,
            securityContext: { runAsNonRoot: true, runAsUser: 65532, runAsGroup: 65532, fsGroup: 65532, seccompProfile: { type: 'RuntimeDefault' } },
            containers: [{
              name: 'edgestore', image, imagePullPolicy: 'Never',
              args: [
                'serve', '--name=$(POD)', '--data-dir=/var/lib/edgestore/data',
                `--listen-client-urls=http://0.0.0.0:${PORT.client}`, `--advertise-client-urls=http://${host('$(POD)')}:${PORT.client}`,
                `--listen-peer-urls=http://0.0.0.0:${PORT.peer}`, `--initial-advertise-peer-urls=http://${host('$(POD)')}:${PORT.peer}`,
                `--initial-cluster=${peers.join(',')}`,
              ],
              env: [{ name: 'POD', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } }],
              ports: Object.entries(PORT).map(([portName, containerPort]) => ({ name: portName, containerPort })),
              resources: { requests: { cpu: '100m', memory: '128Mi' } },
              startupProbe: probe('/livez', { periodSeconds: 1, failureThreshold: 300 }),
              readinessProbe: probe('/readyz', { periodSeconds: 1 }),
              livenessProbe: probe('/livez', { periodSeconds: 10, failureThreshold: 6 }),
              securityContext: { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } },
              volumeMounts: [{ name: 'data', mountPath: '/var/lib/edgestore' }],
            }],
          },
        },
        volumeClaimTemplates: [{ metadata: { name: 'data' }, spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } } }],
      },
    },
  ];
}
