import Configuration
import Rules
import Telemetry
import TestSupport
import Testing

@Suite("Rule files")
struct RuleFileTests {
    private func read(_ yaml: String, intervals: [String: [TimeInterval]]? = nil) -> RuleFile {
        RuleFile(Array(yaml.utf8), path: "r.yaml", language: .small, timeIntervals: intervals)
    }

    @Test("every field is read")
    func full() throws {
        let file = read(
            """
            groups:
            - name: g
              interval: 15s
              query_offset: 5s
              limit: 7
              labels: {team: infra, severity: low}
              rules:
              - record: job:x:rate
                expr: x * 2
                labels: {severity: "", kind: "${NOT_A_VARIABLE}$$"}
              - alert: A
                expr: x > 1
                for: 5m
                keep_firing_for: 1h30m
                labels: {severity: page}
                annotations: {summary: "{{ $labels.job }} at ${1}"}
                no_data: keep
                active: [{weekdays: [monday]}, office]
              - alert: Gone
                expr: x
                absent_for: 10m
            """, intervals: ["office": [TimeInterval()]])
        #expect(file.problems.isEmpty)
        let group = try #require(file.groups.first)
        #expect(group.interval == 15_000 && group.queryOffset == 5000 && group.limit == 7)
        let (record, alert, gone) = (group.rules[0], group.rules[1], group.rules[2])
        #expect(record.kind == .recording && record.name == "job:x:rate")
        #expect(
            record.labels == [
                Label("kind", "${NOT_A_VARIABLE}$$"), Label("severity", ""), Label("team", "infra"),
            ])
        #expect(alert.hold == 300_000 && alert.keepFiring == 5_400_000 && alert.noData == .keep)
        #expect(alert.labels == [Label("severity", "page"), Label("team", "infra")])
        #expect(alert.annotations == [Label("summary", "{{ $labels.job }} at ${1}")])
        #expect(alert.active?.count == 2)
        #expect(gone.absentFor == 600_000)
        #expect(alert.position == SourcePosition(line: 11, column: 5))
    }

    @Test(
        "a duration is what Prometheus takes for one",
        arguments: [
            ("1.5h", nil), ("1h30m", 5_400_000), ("30m1h", nil), ("5m5m", nil), ("-5m", nil), ("5", nil), ("1.5", nil),
            ("0", 0),
            ("0s", 0),
            ("1d12h", 129_600_000), ("1h 30m", nil), ("\"\"", nil), ("5M", nil), ("500ms", 500), ("100us", nil),
        ] as [(String, Int64?)])
    func durations(text: String, milliseconds: Int64?) {
        for key in ["for", "keep_firing_for"] {
            let file = read("groups:\n- name: g\n  rules:\n  - alert: A\n    expr: x\n    \(key): \(text)\n")
            let rule = file.groups.first?.rules.first
            #expect((key == "for" ? rule?.hold : rule?.keepFiring) == milliseconds, "\(key): \(text)")
            let told = file.problems.map(\.description).joined()
            let place = "r.yaml:6:\(key.utf8.count + 7): \(key): expected a duration"
            #expect(milliseconds == nil ? told.hasPrefix(place) : told.isEmpty, "\(told)")
        }
        let group = read("groups:\n- name: g\n  interval: \(text)\n  rules: [{alert: A, expr: x}]\n")
        #expect(group.groups.first?.interval == (milliseconds == 0 ? nil : milliseconds))
        #expect(group.problems.isEmpty == (milliseconds != nil))
    }

    @Test(
        "further documents are passed over with a warning, whatever is in them", arguments: ["groups: []", "a: [", ""])
    func documents(second: String) {
        let file = read("---\ngroups:\n- name: g\n  rules: [{alert: A, expr: x}]\n---\n\(second)\n")
        #expect(file.problems.isEmpty && file.groups.count == 1)
        #expect(
            file.warnings.map(\.description)
                == ["r.yaml:5:1: a rule file is one document: what is from here on is passed over"])
    }

    @Test(
        "an empty file has no groups, and nothing is wrong with it", arguments: ["", "groups:", "groups: []", "# no"])
    func empty(_ yaml: String) {
        let file = read(yaml)
        #expect(file.groups.isEmpty && file.problems.isEmpty)
    }

    @Test("keys of others are accepted with a warning")
    func foreign() {
        let file = read(
            """
            groups:
            - name: g
              partial_response_strategy: warn
              source_tenants: [a]
              rules:
              - alert: A
                debug: true
                expr: x > 1
            """)
        #expect(file.groups.count == 1 && file.problems.isEmpty)
        #expect(file.warnings.map(\.position.line) == [3, 4, 7])
        #expect(file.warnings[0].description.hasPrefix("r.yaml:3:3: partial_response_strategy is ignored"))
    }

    @Test(
        "what is wrong is told with its place, and a hint",
        arguments: [
            ("{alert: A, record: b, expr: x}", "only one of 'record' and 'alert' must be set"),
            ("{expr: x}", "group \"g\", rule 1: one of 'record' or 'alert' must be set"),
            ("{alert: A}", "group \"g\", rule 1, \"A\": field 'expr' must be set in rule"),
            ("{alert: A, expr: 'x >'}", "could not parse expression: 1:4: parse error"),
            ("{alert: A, expr: 'nosuch(x)'}", "unknown function"),
            ("{alert: A, expr: 'x[5m]'}", "expected an expression that gives a vector or a scalar"),
            ("{record: 'a{b=\"c\"}', expr: x}", "braces present in the recording rule name; should it be in expr?"),
            ("{record: a, expr: x, for: 5m}", "invalid field 'for' in recording rule"),
            ("{record: a, expr: x, annotations: {a: b}}", "invalid field 'annotations' in recording rule"),
            ("{alert: A, expr: x, labels: {__name__: b}}", "invalid label name: \"__name__\""),
            ("{alert: A, expr: x, for: 5}", "a duration with its unit, such as 5s"),
            ("{alert: A, expr: x, anotations: {}}", "unknown key \"anotations\"; did you mean annotations?"),
            ("{alert: A, expr: x, no_data: hold}", "expected one of keep, resolve, fire"),
            ("{alert: A, expr: x, active: ofice}", "there is no time interval \"ofice\"; did you mean office?"),
            ("{alert: A, expr: x, annotations: {s: '{{ .Foo'}}", "annotation \"s\": template: __alert_A:1:"),
            ("{alert: A, expr: x, labels: {s: '{{ nosuch }}'}}", "label \"s\""),
            ("{alert: A, expr: [x]}", "expected text, found a list"),
        ])
    func problems(_ rule: String, _ message: String) {
        let file = read(
            "groups:\n- name: g\n  rules:\n  - \(rule)\n- name: ok\n  rules:\n  - {alert: B, expr: x}\n",
            intervals: ["office": []])
        #expect(file.problems.count == 1, "\(file.problems)")
        #expect(file.problems.first?.description.contains(message) == true, "\(file.problems)")
        #expect(file.problems.first?.description.hasPrefix("r.yaml:4:") == true, "\(file.problems)")
        // The other group is loaded all the same.
        #expect(file.groups.map(\.name) == ["ok"])
        #expect(file.failures.map(\.group) == ["g"])
    }

    @Test("a name twice in a file, and a file that is no YAML")
    func whole() {
        let twice = read("groups:\n- {name: g, rules: []}\n- {name: g, rules: []}\n")
        #expect(twice.problems.map(\.description) == ["r.yaml:3:4: groupname: \"g\" is repeated in the same file"])
        #expect(twice.groups.count == 1)
        let broken = read("groups: [")
        #expect(broken.failures.count == 1 && broken.failures[0].group == nil)
        #expect(read("group: []").problems.first?.message == "unknown key \"group\"; did you mean groups?")
        let missing = RuleFile(path: "/nonexistent/r.yaml", language: .small)
        #expect(missing.problems.first?.message.contains("No such file") == true)
    }

    @Test("whatever a file holds, reading it ends, and what is right of it stays")
    func fuzz() {
        let seed = """
            groups:
            - name: g
              interval: 15s
              labels: {team: infra}
              rules:
              - record: job:x:rate
                expr: x * 2
              - alert: A
                expr: x > 1
                for: 5m
                annotations: {summary: "{{ $labels.job }} {{ if gt $value 1.0 }}a{{ else }}b{{ end }}"}
                active: [{times: [{start_time: "09:00", end_time: "17:00"}], location: Europe/Oslo}]
            """
        var random = SeededRandom(seed: SeededRandom.seed())
        let pieces = [
            "{{", "}}", ": ", "- ", "\n", "[", "]", "\"", "&a ", "*a", "<<: ", "\t", "\u{0}", "1e999", "!!x ",
        ]
        for _ in 0..<1500 {
            var bytes = Array(seed.utf8)
            for _ in 0..<Int.random(in: 1...6, using: &random) {
                let place = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<4, using: &random) {
                case 0: bytes[place] = UInt8.random(in: 0...255, using: &random)
                case 1: bytes.insert(contentsOf: Array(pieces.randomElement(using: &random)!.utf8), at: place)
                case 2: bytes.removeSubrange(place..<min(bytes.count, place + Int.random(in: 1...30, using: &random)))
                default: bytes.insert(contentsOf: bytes[..<place].suffix(40), at: place)
                }
                if bytes.isEmpty { bytes = [0x61] }
            }
            let file = RuleFile(bytes, path: "r.yaml", language: .small)
            #expect(file.groups.count + file.failures.count <= 40)
            for problem in file.problems { #expect(problem.position.line >= 1 && !problem.message.isEmpty) }
            _ = RuleFileLint.remarks(file)
        }
    }
}
