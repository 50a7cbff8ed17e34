/// The templates that are there before any file is read: under the names that Alertmanager's configuration uses and that
/// people's own templates call.
package enum DefaultTemplates {
    /// In the order in which they are read.
    static var files: [(name: String, text: String)] { [("defaults", texts), ("email defaults", email)] }

    private static let texts = #"""
        {{ define "__alertmanager" }}Alertmanager{{ end }}
        {{ define "__alertmanagerURL" }}{{ .ExternalURL }}/#/alerts?receiver={{ .Receiver | urlquery }}{{ end }}
        {{ define "__subject" -}}
        [{{ toUpper .Status }}{{ if eq .Status "firing" }}:{{ len .Alerts.Firing }}{{ end }}] {{ join " " .GroupLabels.Values }} {{ if lt (len .GroupLabels) (len .CommonLabels) }}({{ with .CommonLabels.Remove .GroupLabels.Names }}{{ join " " .Values }}{{ end }}){{ end }}
        {{- end }}
        {{ define "__description" }}{{ end }}
        {{ define "__text_alert_list" }}{{ range $alert := . -}}
        Labels:
        {{ range $label := $alert.Labels.SortedPairs }} - {{ $label.Name }} = {{ $label.Value }}
        {{ end }}Annotations:
        {{ range $note := $alert.Annotations.SortedPairs }} - {{ $note.Name }} = {{ $note.Value }}
        {{ end }}Source: {{ $alert.GeneratorURL }}
        {{ end }}{{ end }}
        {{ define "__text_alert_list_markdown" }}{{ range $alert := . }}
        Labels:
        {{ range $label := $alert.Labels.SortedPairs }}  - {{ $label.Name }} = {{ $label.Value }}
        {{ end }}
        Annotations:
        {{ range $note := $alert.Annotations.SortedPairs }}  - {{ $note.Name }} = {{ $note.Value }}
        {{ end }}
        Source: {{ $alert.GeneratorURL }}
        {{ end }}
        {{ end }}
        {{ define "__alerts" -}}
        {{ with .Alerts.Firing }}
        Alerts Firing:
        {{ template "__text_alert_list" . }}
        {{ end }}
        {{- with .Alerts.Resolved }}
        Alerts Resolved:
        {{ template "__text_alert_list" . }}
        {{ end }}
        {{- end }}
        {{ define "__alerts_markdown" -}}
        {{ with .Alerts.Firing }}
        # Alerts Firing:
        {{ template "__text_alert_list_markdown" . }}
        {{ end }}
        {{- with .Alerts.Resolved }}
        # Alerts Resolved:
        {{ template "__text_alert_list_markdown" . }}
        {{ end }}
        {{- end }}
        {{ define "__annotations_and_alerts" }}{{ join " " .CommonAnnotations.Values }}
        {{ template "__alerts" . }}{{ end }}

        {{ define "slack.default.title" }}{{ template "__subject" . }}{{ end }}
        {{ define "slack.default.username" }}{{ template "__alertmanager" . }}{{ end }}
        {{ define "slack.default.fallback" }}{{ template "slack.default.title" . }} | {{ template "slack.default.titlelink" . }}{{ end }}
        {{ define "slack.default.callbackid" }}{{ end }}
        {{ define "slack.default.pretext" }}{{ end }}
        {{ define "slack.default.titlelink" }}{{ template "__alertmanagerURL" . }}{{ end }}
        {{ define "slack.default.iconemoji" }}{{ end }}
        {{ define "slack.default.iconurl" }}{{ end }}
        {{ define "slack.default.text" }}{{ end }}
        {{ define "slack.default.footer" }}{{ end }}
        {{ define "slack.default.color" }}{{ if eq .Status "firing" }}danger{{ else }}good{{ end }}{{ end }}

        {{ define "pagerduty.default.description" }}{{ template "__subject" . }}{{ end }}
        {{ define "pagerduty.default.client" }}{{ template "__alertmanager" . }}{{ end }}
        {{ define "pagerduty.default.clientURL" }}{{ template "__alertmanagerURL" . }}{{ end }}
        {{ define "pagerduty.default.instances" }}{{ template "__text_alert_list" . }}{{ end }}

        {{ define "opsgenie.default.message" }}{{ template "__subject" . }}{{ end }}
        {{ define "opsgenie.default.description" }}{{ template "__annotations_and_alerts" . }}{{ end }}
        {{ define "opsgenie.default.source" }}{{ template "__alertmanagerURL" . }}{{ end }}

        {{ define "pushover.default.title" }}{{ template "__subject" . }}{{ end }}
        {{ define "pushover.default.message" }}{{ template "__annotations_and_alerts" . }}{{ end }}
        {{ define "pushover.default.url" }}{{ template "__alertmanagerURL" . }}{{ end }}

        {{ define "sns.default.subject" }}{{ template "__subject" . }}{{ end }}
        {{ define "sns.default.message" }}{{ template "__annotations_and_alerts" . }}{{ end }}

        {{ define "telegram.default.message" }}{{ template "__alerts" . }}{{ end }}

        {{ define "discord.default.content" }}{{ end }}
        {{ define "discord.default.title" }}{{ template "__subject" . }}{{ end }}
        {{ define "discord.default.message" }}{{ template "__alerts" . }}{{ end }}

        {{ define "msteams.default.summary" }}{{ template "__subject" . }}{{ end }}
        {{ define "msteams.default.title" }}{{ template "__subject" . }}{{ end }}
        {{ define "msteams.default.text" }}{{ template "__alerts_markdown" . }}{{ end }}
        {{ define "msteamsv2.default.title" }}{{ template "__subject" . }}{{ end }}
        {{ define "msteamsv2.default.text" }}{{ template "__alerts_markdown" . }}{{ end }}

        {{ define "ntfy.default.title" }}{{ template "__subject" . }}{{ end }}
        {{ define "ntfy.default.message" }}{{ template "__annotations_and_alerts" . }}{{ end }}
        {{ define "ntfy.default.tags" }}{{ if eq .Status "firing" }}rotating_light{{ else }}white_check_mark{{ end }}{{ end }}

        {{ define "sms.default.message" }}{{ template "__subject" . }} {{ join " " .CommonAnnotations.Values }}{{ end }}
        {{ define "http.default.body" }}{{ template "__subject" . }}
        {{ template "__annotations_and_alerts" . }}{{ end }}
        """#
}
