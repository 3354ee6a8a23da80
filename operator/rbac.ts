/**
 * What the operator may do, as data: the chart's roles are made from it, and an end-to-end test compares it with what an apiserver's audit log saw.
 * Server-side apply is `patch`, and `create` where the object is not there yet.
 */

export interface PolicyRule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
}

const rule = (apiGroup: string, resources: readonly string[], verbs: readonly string[]): PolicyRule => ({ apiGroups: [apiGroup], resources, verbs });

/** `get` looks whether a name is taken by somebody else's object, which no list by label shows; of Secrets also those that are given by name. */
const OWNED = ['get', 'list', 'watch', 'create', 'patch'];

/** In every namespace that it serves: a ClusterRole, or a Role in each of them when it is limited to namespaces. */
export const resourceRules: readonly PolicyRule[] = [
  rule('edgestore.dev', ['edgestores'], ['list', 'watch']),
  rule('edgestore.dev', ['edgestores/status'], ['patch']),
  // OwnerReferencesPermissionEnforcement asks for it where ownerReferences block deletion.
  rule('edgestore.dev', ['edgestores/finalizers'], ['update']),
  rule('apps', ['statefulsets'], OWNED),
  rule('', ['services'], [...OWNED, 'delete']),
  rule('', ['configmaps'], OWNED),
  rule('', ['secrets'], OWNED),
  rule('', ['pods'], ['list', 'watch']),
  rule('', ['persistentvolumeclaims'], ['list', 'watch', 'patch', 'delete']),
  rule('policy', ['poddisruptionbudgets'], [...OWNED, 'delete']),
  rule('autoscaling', ['horizontalpodautoscalers'], [...OWNED, 'delete']),
  rule('networking.k8s.io', ['networkpolicies'], [...OWNED, 'delete']),
  rule('monitoring.coreos.com', ['podmonitors', 'servicemonitors'], ['get', 'create', 'patch', 'delete']),
  rule('cert-manager.io', ['certificates'], ['get', 'create', 'patch', 'delete']),
  rule('events.k8s.io', ['events'], ['create', 'patch']),
];

/** In the operator's own namespace: the election. */
export const ownNamespaceRules: readonly PolicyRule[] = [
  rule('coordination.k8s.io', ['leases'], ['get', 'create', 'update']),
];
