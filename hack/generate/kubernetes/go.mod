// Where the schema of Kubernetes' own kinds is generated from. The same version as the Kubernetes of e2e/tools/k8s.
module edgestore.dev/hack/generate/kubernetes

go 1.26.0

require (
	k8s.io/api v0.36.3
	k8s.io/apiextensions-apiserver v0.36.3
	k8s.io/apimachinery v0.36.3
	k8s.io/kube-aggregator v0.36.3
)
