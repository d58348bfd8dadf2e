{{- define "parallelrun.name" -}}
{{- if contains "parallelrun" .Release.Name }}{{ .Release.Name | trunc 50 | trimSuffix "-" }}{{ else }}{{ printf "%s-parallelrun" .Release.Name | trunc 50 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "parallelrun.operatorName" -}}
{{ include "parallelrun.name" . }}-operator
{{- end }}

{{- define "parallelrun.serviceAccountName" -}}
{{- if .Values.operator.serviceAccount.create }}{{ .Values.operator.serviceAccount.name | default (include "parallelrun.operatorName" .) }}{{ else }}{{ required "operator.serviceAccount.name is needed where create is false" .Values.operator.serviceAccount.name }}{{ end }}
{{- end }}

{{- define "parallelrun.selector" -}}
app.kubernetes.io/name: parallelrun-operator
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "parallelrun.labels" -}}
{{ include "parallelrun.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "parallelrun.uiName" -}}
{{ include "parallelrun.name" . }}-ui
{{- end }}

{{- define "parallelrun.uiSelector" -}}
app.kubernetes.io/name: parallelrun-ui
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "parallelrun.uiLabels" -}}
{{ include "parallelrun.uiSelector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version | replace "+" "_" }}
{{- end }}

{{- /* repository@digest, or repository:tag: takes the image's values and the default tag */}}
{{- define "parallelrun.image" -}}
{{- if .image.digest }}{{ .image.repository }}@{{ .image.digest }}{{ else }}{{ .image.repository }}:{{ .image.tag | default .default }}{{ end }}
{{- end }}

{{- define "parallelrun.testNamespace" -}}
{{ .Values.test.namespace | default (first .Values.namespaces) | default .Release.Namespace }}
{{- end }}

{{- /* "true" where the objects that a cluster has once belong to this release */}}
{{- define "parallelrun.clusterRoles" -}}
{{- if and .Values.clusterObjects.create .Values.rbac.create }}true{{ end }}
{{- end }}

{{- /* what every container of ours runs as: Pod Security "restricted" */}}
{{- define "parallelrun.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "parallelrun.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}
