{{- /*
At most 40 characters: a StatefulSet's name, with that of the service, has 52 at most. A release's name may
have dots, that of a Service or a pod's host may not.
*/ -}}
{{- define "copydesk.fullname" -}}
{{- $usual := ternary .Release.Name (printf "%s-copydesk" .Release.Name) (contains "copydesk" .Release.Name) -}}
{{- .Values.fullnameOverride | default $usual | replace "." "-" | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{- /* What selects the pods; never to be changed, a StatefulSet cannot change its selector. */ -}}
{{- define "copydesk.selector" -}}
app.kubernetes.io/name: copydesk
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .name }}
{{- end -}}

{{- define "copydesk.labels" -}}
app.kubernetes.io/name: copydesk
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | quote }}
{{- end -}}

{{- define "copydesk.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{ .repository }}@{{ .digest }}
{{- else -}}
{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "copydesk.serviceAccount" -}}
{{- .Values.serviceAccount.existing | default (include "copydesk.fullname" .) -}}
{{- end -}}

{{- define "copydesk.secret" -}}
{{- .Values.kafkaSecret.existing | default (include "copydesk.fullname" .) -}}
{{- end -}}
