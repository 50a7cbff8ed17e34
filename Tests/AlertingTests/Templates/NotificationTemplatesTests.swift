import Rules
import Telemetry
import Testing

@testable import Alerting

@Suite struct NotificationTemplatesTests {
    private func expand(
        _ text: String, _ notification: Alerting.Notification = SampleNotifications.mixed,
        files: [(name: String, text: String)] = [], as form: NotificationTemplates.Form = .text
    ) throws -> String {
        let templates = try NotificationTemplates(files: files)
        return try templates.expand(try MessageTemplate(text), NotificationData(notification), as: form)
    }

    @Test(
        "data and their methods",
        arguments: [
            ("{{ .Receiver }} {{ .Status }}", #"team\.a firing"#),
            ("{{ len .Alerts }} {{ len .Alerts.Firing }} {{ .Alerts.Resolved | len }}", "3 2 1"),
            ("{{ .GroupLabels.alertname }}{{ .GroupLabels.missing }}", "DiskFull"),
            ("{{ .CommonLabels.SortedPairs.Names | join \",\" }}", "alertname,severity"),
            ("{{ .CommonLabels.Names }} {{ .CommonLabels.Values }}", "[alertname severity] [DiskFull page]"),
            ("{{ .CommonLabels }}", "alertname=DiskFull, severity=page"),
            ("{{ (.CommonLabels.Remove .GroupLabels.Names).Values | join \" \" }}", "page"),
            ("{{ (.CommonLabels.Remove (stringSlice \"severity\")).SortedPairs }}", "alertname=DiskFull"),
            ("{{ (index .Alerts 0).Fingerprint }}", "ad39af29c9f5f55f"),
            ("{{ (index .Alerts 0).StartsAt.Format \"2006-01-02T15:04:05.999Z07:00\" }}", "2022-01-25T12:36:43.5Z"),
            ("{{ (index .Alerts 0).StartsAt }}", "2022-01-25 12:36:43.5 +0000 UTC"),
            ("{{ (index .Alerts 0).EndsAt }}", "0001-01-01 00:00:00 +0000 UTC"),
            ("{{ (index .Alerts 0).EndsAt.IsZero }}", "true"),
            ("{{ (index .Alerts 2).EndsAt.Unix }}", "1643114263"),
            ("{{ .GroupKey }} {{ .TruncatedAlerts }}", #"{}/{severity="page"}:{alertname="DiskFull"} 0"#),
            ("{{ range .Alerts }}{{ .Labels.device }} {{ end }}", "sda1 sdb1 sdc1 "),
            ("{{ .ExternalURL }}", "http://alerts.example:9093"),
        ])
    func data(text: String, expected: String) throws {
        #expect(try expand(text) == expected)
    }

    @Test(
        "functions",
        arguments: [
            (#"{{ toUpper "aé" }} {{ toLower "AÉ" }} {{ title "disk FULL on don't" }}"#, "AÉ aé Disk Full On Don't"),
            (#"{{ trimSpace " a b\n" }}|"#, "a b|"),
            (#"{{ match "^a.c$" "abc" }} {{ reReplaceAll "(a)(b)" "$2$1" "xaby" }}"#, "true xbay"),
            (#"{{ urlUnescape "a%20b+c" }}"#, "a b c"),
            (#"{{ base64encode "??>" }} {{ base64decode "Pz8-" }}"#, "Pz8- ??>"),
            (#"{{ index (dict "a" 1 "b" "x") "b" }} {{ list 1 "a" | len }} {{ append (list 1) 2 3 }}"#, "x 2 [1 2 3]"),
            (
                #"{{ toDate "2006-01-02 15:04" "2022-03-27 12:30" | tz "Europe/Oslo" | date "15:04 -0700" }}"#,
                "14:30 +0200"
            ),
            (#"{{ (toDate "2006" "nope").IsZero }}"#, "true"),
            (
                #"{{ mustToDate "Jan 2, 2006 at 3:04pm (MST)" "Feb 3, 2013 at 7:54pm (UTC)" | date "2006-01-02T15:04" }}"#,
                "2013-02-03T19:54"
            ),
            (#"{{ since (index .Alerts 0).StartsAt }} {{ humanizeDuration 3661 }}"#, "59.5s 1h 1m 1s"),
            (#"{{ now | date "15:04:05" }}"#, "12:37:43"),
            (
                #"{{ (index .Alerts 2).Labels | toJson }}"#,
                #"{"alertname":"DiskFull","device":"sdc1","severity":"page"}"#
            ),
            (#"{{ (index .Alerts 2).Annotations | toJson }}"#, #"{"summary":"\u003cb\u003e\u0026\"'"}"#),
            (#"{{ list 1 1.5 true nil | toJson }}"#, "[1,1.5,true,null]"),
            (
                #"{{ (index .Alerts.Firing 0) | toJson }}"#,
                #"{"status":"firing","labels":{"alertname":"DiskFull","device":"sda1","severity":"page"},"#
                    + #""annotations":{"summary":"90 % full"},"startsAt":"2022-01-25T12:36:43.5Z","#
                    + #""endsAt":"0001-01-01T00:00:00Z","generatorURL":"http://prom.example/graph?g0.expr=up+%3D%3D+0\u0026g0.tab=1","#
                    + #""fingerprint":"ad39af29c9f5f55f"}"#
            ),
        ])
    func functions(text: String, expected: String) throws {
        #expect(try expand(text) == expected)
    }

    @Test("subjects are Alertmanager's")
    func subjects() throws {
        #expect(try expand(#"{{ template "__subject" . }}"#) == "[FIRING:2] DiskFull (page)")
        #expect(
            try expand(#"{{ template "slack.default.title" . }}"#, SampleNotifications.resolved)
                == "[RESOLVED] DiskFull (sdc1 page)")
        var plain = SampleNotifications.firing
        plain.groupLabels = plain.alerts[0].labels
        #expect(try expand(#"{{ template "email.default.subject" . }}"#, plain) == "[FIRING:1] DiskFull sda1 page ")
        #expect(
            try expand(#"{{ template "slack.default.titlelink" . }}"#)
                == #"http://alerts.example:9093/#/alerts?receiver=team%5C.a"#)
    }

    @Test("every default template expands, as text and as HTML")
    func defaults() throws {
        let templates = try NotificationTemplates()
        for name in templates.names.sorted() {
            let isList = name.hasPrefix("__text_alert_list") || name == "pagerduty.default.instances"
            let isAlert = name == "__email_alert"
            let dot = isList ? ".Alerts" : isAlert ? "(index .Alerts 0)" : "."
            for form in [NotificationTemplates.Form.text, .html] {
                let template = try MessageTemplate("{{ template \"\(name)\" \(dot) }}")
                #expect(templates.missing(in: template).isEmpty)
                for notification in [SampleNotifications.mixed, SampleNotifications.resolved] {
                    _ = try templates.expand(template, NotificationData(notification), as: form)
                }
            }
        }
    }

    @Test("the list of alerts is the one that people know")
    func alertList() throws {
        #expect(
            try expand(#"{{ template "__text_alert_list" .Alerts.Resolved }}"#) == """
                Labels:
                 - alertname = DiskFull
                 - device = sdc1
                 - severity = page
                Annotations:
                 - summary = <b>&"'
                Source: http://prom.example/graph?g0.expr=up+%3D%3D+0&g0.tab=1

                """)
    }

    @Test("files define and redefine templates, and call each other's")
    func files() throws {
        let files = [
            ("a.tmpl", #"{{ define "mine" }}<{{ template "__subject" . }}>{{ block "part" . }}one{{ end }}{{ end }}"#),
            (
                "b.tmpl",
                #"{{ define "__subject" }}S{{ end }}{{ define "part" }}two{{ end }}{{ define "mine" }} {{ end }}"#
            ),
        ]
        #expect(try expand(#"{{ template "mine" . }}"#, files: files) == "<S>two")
        let templates = try NotificationTemplates(files: files)
        #expect(templates.missing(in: try MessageTemplate(#"{{ if true }}{{ template "nope" }}{{ end }}"#)) == ["nope"])
    }

    @Test("errors name the file that a called template is in")
    func errors() throws {
        let files = [("a.tmpl", "\n{{ define \"bad\" }}{{ .Nope }}{{ end }}")]
        #expect(
            performing: { try expand(#"{{ template "bad" . }}"#, files: files) },
            throws: { error in
                "\(error)".contains("template: a.tmpl:2:") && "\(error)".contains("can't evaluate field Nope")
            })
        #expect(throws: TemplateError.self) { try MessageTemplate("{{ .x ") }
        #expect(throws: TemplateError.self) { try MessageTemplate(#"{{ readFile "/etc/passwd" }}"#) }
    }

    @Test("what runs without end is ended")
    func limits() throws {
        let files = [("a", #"{{ define "loop" }}{{ template "loop" . }}{{ end }}"#)]
        #expect(throws: TemplateError.self) { try expand(#"{{ template "loop" . }}"#, files: files) }
        #expect(throws: TemplateError.self) {
            try expand("{{ range 1000000000 }}{{ range 1000000000 }}{{ end }}{{ end }}")
        }
        #expect(throws: TemplateError.self) { try expand(#"{{ printf "%999999d%999999d" 1 1 }}"#) }
    }

    @Test("labels of a route see the notification and each other, but not in circles")
    func routeLabels() throws {
        let templates = try NotificationTemplates()
        let data = NotificationData(SampleNotifications.mixed)
        let labels = try templates.routeLabels(
            ["team": "{{ .GroupLabels.alertname }}", "channel": #"#{{ routeLabels "team" }}-{{ routeLabels "no" }}"#],
            for: data)
        #expect(labels == ["team": "DiskFull", "channel": "#DiskFull-"])
        #expect(throws: TemplateError.self) {
            try templates.routeLabels(["a": #"{{ routeLabels "b" }}"#, "b": #"{{ routeLabels "a" }}"#], for: data)
        }
        var routed = SampleNotifications.mixed
        routed.routeLabels = ["team": "{{ left as it is }}"]
        #expect(try expand(#"{{ routeLabels "team" }}"#, routed) == "{{ left as it is }}")
    }
}
