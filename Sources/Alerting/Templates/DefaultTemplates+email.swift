extension DefaultTemplates {
    /// Mail programs know tables and attributes better than style sheets.
    static let email = #"""
        {{ define "email.default.subject" }}{{ template "__subject" . }}{{ end }}
        {{ define "__email_alert" }}<tr><td style="padding: 8px 16px; border-top: 1px solid #dddddd; font-size: 14px;">
        {{ range $label := .Labels.SortedPairs }}<div><b>{{ $label.Name }}</b> = {{ $label.Value }}</div>
        {{ end }}{{ range $note := .Annotations.SortedPairs }}<div style="color: #555555;">{{ $note.Name }}: {{ $note.Value }}</div>
        {{ end }}<div style="color: #888888;">since {{ .StartsAt.Format "2006-01-02 15:04:05 MST" }}{{ if eq .Status "resolved" }}, until {{ .EndsAt.Format "2006-01-02 15:04:05 MST" }}{{ end }}{{ if .GeneratorURL }} &middot; <a href="{{ .GeneratorURL }}">Source</a>{{ end }}</div>
        </td></tr>
        {{ end }}
        {{ define "email.default.html" }}<!DOCTYPE html>
        <html>
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width">
        <title>{{ template "__subject" . }}</title>
        </head>
        <body style="margin: 0; padding: 16px; background: #f4f4f4; font-family: sans-serif; color: #222222;">
        <table role="presentation" width="100%" cellpadding="0" cellspacing="0" style="max-width: 640px; margin: 0 auto; background: #ffffff; border: 1px solid #dddddd;">
        <tr><td style="padding: 16px; color: #ffffff; font-size: 16px;" bgcolor="{{ if eq .Status "firing" }}#b3261e{{ else }}#2e7d32{{ end }}">
        {{ len .Alerts }} alert{{ if gt (len .Alerts) 1 }}s{{ end }} for {{ range .GroupLabels.SortedPairs }}{{ .Name }}={{ .Value }} {{ end }}
        </td></tr>
        <tr><td style="padding: 16px;"><a href="{{ template "__alertmanagerURL" . }}">View in {{ template "__alertmanager" . }}</a></td></tr>
        {{ with .Alerts.Firing }}<tr><td style="padding: 8px 16px; font-weight: bold; color: #b3261e;">[{{ len . }}] Firing</td></tr>
        {{ range . }}{{ template "__email_alert" . }}{{ end }}{{ end }}
        {{- with .Alerts.Resolved }}<tr><td style="padding: 8px 16px; font-weight: bold; color: #2e7d32;">[{{ len . }}] Resolved</td></tr>
        {{ range . }}{{ template "__email_alert" . }}{{ end }}{{ end -}}
        <tr><td style="padding: 12px 16px; border-top: 1px solid #dddddd; font-size: 12px; color: #888888;">Sent by <a href="{{ .ExternalURL }}">{{ template "__alertmanager" . }}</a></td></tr>
        </table>
        </body>
        </html>
        {{ end }}
        """#
}
