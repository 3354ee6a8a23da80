/** What a real apiserver must refuse about an EdgeStore, each with a part of what it must say; and what it must take. */

export interface Refusal {
  readonly name: string;
  readonly spec: object;
  /** What is there before; without: it is created with `spec`. */
  readonly before?: object;
  readonly metadata?: object;
  readonly says: string;
}

const federation = { token: 'token-of-all', founder: false, peers: [{ name: 'n-0', url: 'https://n-0.example:2380' }], advertisePeerURL: 'https://{pod}.s.example:2380' };
const secretTls = { peer: { source: 'Secret', secretName: 's' } };

export const refusals: readonly Refusal[] = [
  // Rules.
  { name: 'an autoscaler with more at least than at most', spec: { autoscaling: { minReplicas: 5, maxReplicas: 2 } }, says: 'minReplicas must not be above maxReplicas' },
  { name: 'a storage class that changes', before: { storage: { storageClassName: 'a' } }, spec: { storage: { storageClassName: 'b' } }, says: 'storageClassName cannot be changed' },
  { name: 'a storage class that comes later', before: {}, spec: { storage: { storageClassName: 'b' } }, says: 'storageClassName cannot be changed' },
  { name: 'a volume that shrinks', before: { storage: { size: '2Gi' } }, spec: { storage: { size: '1500Mi' } }, says: 'size cannot shrink' },
  { name: 'slots that move', before: { slotBase: 8 }, spec: { slotBase: 16 }, says: 'slotBase cannot be changed' },
  { name: 'a Secret without a name, client', spec: { tls: { client: { source: 'Secret' } } }, says: 'source Secret needs secretName' },
  { name: 'a Secret without a name, peer', spec: { tls: { peer: { source: 'Secret' } } }, says: 'source Secret needs secretName' },
  { name: 'cert-manager without an issuer', spec: { tls: { peer: { source: 'CertManager' } } }, says: 'source CertManager needs issuerRef' },
  { name: 'client certificates without TLS', spec: { tls: { client: { clientCertAuth: true } } }, says: 'clientCertAuth needs a certificate' },
  { name: 'TLS between replicas turned off', before: {}, spec: { tls: { peer: { source: 'None' } } }, says: 'TLS between replicas cannot be turned on or off' },
  { name: 'federation added later', before: { tls: secretTls }, spec: { federation }, says: 'federation cannot be added or taken away' },
  { name: 'federation with nobody to join', spec: { tls: secretTls, federation: { ...federation, peers: [] } }, says: 'needs peers to join it by' },
  { name: 'federation with certificates that nobody else trusts', spec: { federation }, says: 'federation needs certificates that the other clusters trust' },
  { name: 'more copies than replicas', spec: { writeAcks: 3, autoscaling: { minReplicas: 2, maxReplicas: 5 } }, says: 'writeAcks must not be above autoscaling.minReplicas' },
  { name: 'a name that is too long', spec: {}, metadata: { name: `a${'b'.repeat(44)}` }, says: 'the name may have at most 44 characters' },
  { name: 'a name that no Service can have', spec: {}, metadata: { name: '0-first' }, says: 'the name must begin with a letter' },
  { name: 'a name with dots', spec: {}, metadata: { name: 'a.b' }, says: 'the name must begin with a letter' },
  // Hostile values.
  { name: 'replicas -1', spec: { replicas: -1 }, says: 'spec.replicas' },
  { name: 'replicas 0', spec: { replicas: 0 }, says: 'spec.replicas' },
  { name: 'replicas beyond all slots', spec: { replicas: 65 }, says: 'spec.replicas' },
  { name: 'replicas as text', spec: { replicas: '3' }, says: 'spec.replicas' },
  { name: 'minReplicas 0', spec: { autoscaling: { minReplicas: 0, maxReplicas: 3 } }, says: 'minReplicas' },
  { name: 'an autoscaler without a most', spec: { autoscaling: { minReplicas: 1 } }, says: 'maxReplicas' },
  { name: 'slots beyond the last', spec: { slotBase: 193 }, says: 'slotBase' },
  { name: 'a size that is none', spec: { storage: { size: 'much' } }, says: 'storage.size' },
  { name: 'a negative size', spec: { storage: { size: '-1Gi' } }, says: 'storage.size' },
  { name: 'a duration that is none', spec: { drainTimeout: 'soon' }, says: 'drainTimeout' },
  { name: 'a flag that is none', spec: { extraArgs: ['; rm -rf /'] }, says: 'extraArgs' },
  { name: 'a source that does not exist', spec: { tls: { client: { source: 'Magic' } } }, says: 'tls.client.source' },
  { name: 'an image without a name', spec: { image: '' }, says: 'image' },
  { name: 'a huge image name', spec: { image: 'x'.repeat(513) }, says: 'image' },
  { name: 'a peer URL with a comma', spec: { tls: secretTls, federation: { ...federation, peers: [{ name: 'a', url: 'https://a:1,b=https://b:2' }] } }, says: 'peers' },
  { name: 'a retention that is none', spec: { storage: { retention: 'Maybe' } }, says: 'retention' },
  { name: 'spec as a list', spec: [] as unknown as object, says: 'spec' },
];

export const accepted: readonly { readonly name: string; readonly before?: object; readonly spec: object }[] = [
  { name: 'nothing at all', spec: {} },
  { name: 'a volume that grows, in another unit', before: { storage: { size: '1Gi' } }, spec: { storage: { size: '1100Mi' } } },
  { name: 'a size as a number', spec: { storage: { size: 1_073_741_824 } } },
  { name: 'replicas outside of what the autoscaler may: the operator keeps to its bounds', spec: { replicas: 9, autoscaling: { minReplicas: 2, maxReplicas: 4 } } },
  { name: 'another kind of certificate', before: {}, spec: { tls: { peer: { source: 'Secret', secretName: 's' } } } },
  { name: 'federation', spec: { tls: secretTls, federation } },
];
