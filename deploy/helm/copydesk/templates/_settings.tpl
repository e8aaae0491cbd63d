{{- /* The values of a service over the defaults of all. Takes root and name; gives YAML. */ -}}
{{- define "copydesk.service" -}}
{{- $own := index .root.Values.services .name | default dict -}}
{{- toYaml (mustMergeOverwrite (deepCopy .root.Values.defaults) (deepCopy $own)) -}}
{{- end -}}

{{- /* The keys of the Secret that are read, as YAML. */ -}}
{{- define "copydesk.secretKeys" -}}
{{- with .Values.kafkaSecret -}}
{{- toYaml (ternary .keys (keys .values | sortAlpha) (ne .existing "")) -}}
{{- end -}}
{{- end -}}

{{- /* The settings of a service: those of all, its own, and where the secrets are. Gives YAML. */ -}}
{{- define "copydesk.settings" -}}
{{- $service := include "copydesk.service" . | fromYaml -}}
{{- $settings := mustMergeOverwrite (deepCopy .root.Values.settings) (deepCopy $service.settings) -}}
{{- $files := dict -}}
{{- range include "copydesk.secretKeys" .root | fromYamlArray -}}
{{- $_ := set $files (printf "%s_file" .) (printf "/run/secrets/copydesk/%s" .) -}}
{{- end -}}
{{- if $files -}}
{{- $settings = mustMergeOverwrite $settings (dict "kafka" (dict "librdkafka" $files)) -}}
{{- end -}}
{{- toYaml $settings -}}
{{- end -}}

{{- /* A value as TOML. JSON's scalars are TOML's too, and have no point where Helm made an integer a float. */ -}}
{{- define "copydesk.toml" -}}
{{- if kindIs "map" . -}}
{ {{ range $i, $key := keys . | sortAlpha }}{{ if $i }}, {{ end }}{{ toJson $key }} = {{ include "copydesk.toml" (index $ $key) }}{{ end }} }
{{- else if kindIs "slice" . -}}
[{{ range $i, $item := . }}{{ if $i }}, {{ end }}{{ include "copydesk.toml" $item }}{{ end }}]
{{- else -}}
{{ toJson . }}
{{- end -}}
{{- end -}}

{{- /* The settings file of a service. */ -}}
{{- define "copydesk.file" -}}
{{- range $table, $settings := include "copydesk.settings" . | fromYaml }}
[{{ $table }}]
{{- range $name, $value := $settings }}
{{ $name }} = {{ include "copydesk.toml" $value }}
{{- end }}
{{ end -}}
{{- end -}}

{{- /* The port of admin.bind. */ -}}
{{- define "copydesk.port" -}}
{{- regexReplaceAll "^.*:" .admin.bind "" -}}
{{- end -}}

{{- /* The batch in hand has kafka.stop_timeout_ms, leaving the group 1 s; the rest is for a machine that is busy. */ -}}
{{- define "copydesk.gracePeriod" -}}
{{- add (div (add (int .kafka.stop_timeout_ms) 999) 1000) 1 15 -}}
{{- end -}}
