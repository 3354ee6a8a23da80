{{- define "edgestore.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end }}

{{- /* Of everything that is made. "-operator" is added where there could be others; 50 leaves room for suffixes. */ -}}
{{- define "edgestore.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- $name := include "edgestore.name" . -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end }}

{{- /* Cluster-wide names carry the namespace: two releases must not take each other's. */ -}}
{{- define "edgestore.clusterName" -}}
{{- printf "%s-%s" .Release.Namespace (include "edgestore.fullname" .) -}}
{{- end }}

{{- /* Of the operator's pods, and of no others. The name is fixed: NetworkPolicies of EdgeStores let the operator in by it. */ -}}
{{- define "edgestore.selectorLabels" -}}
app.kubernetes.io/name: edgestore-operator
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "edgestore.labels" -}}
{{ include "edgestore.selectorLabels" . }}
app.kubernetes.io/component: operator
{{ include "edgestore.releaseLabels" . }}
{{- end }}

{{- define "edgestore.testLabels" -}}
app.kubernetes.io/name: edgestore-test
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: test
{{ include "edgestore.releaseLabels" . }}
{{- end }}

{{- define "edgestore.releaseLabels" -}}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: edgestore
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "edgestore.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) -}}
{{- end -}}
{{- end }}

{{- define "edgestore.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (printf "%s-operator" (include "edgestore.fullname" .)) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end }}

{{- /* Pod Security Standard "restricted". */ -}}
{{- define "edgestore.podSecurityContext" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "edgestore.securityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{- /* Where `helm test` makes its store: where the operator looks. */ -}}
{{- define "edgestore.testNamespace" -}}
{{- if or (not .Values.operator.namespaces) (has .Release.Namespace .Values.operator.namespaces) -}}
{{- .Release.Namespace -}}
{{- else -}}
{{- first .Values.operator.namespaces -}}
{{- end -}}
{{- end }}
