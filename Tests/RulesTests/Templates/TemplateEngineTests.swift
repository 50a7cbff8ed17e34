import Rules
import Synchronization
import Telemetry
import Testing

@Suite("Templates of ours")
struct TemplateEngineTests {
    private func expand(
        _ text: String, resolved: Double? = nil, now: Int64 = 1_643_114_203_000,
        limits: TemplateLimits = TemplateLimits()
    ) throws(TemplateError) -> String {
        try TemplateEngine(text, name: "t").expand(
            TemplateData(labels: ["job": "node"], value: 2, resolvedValue: resolved),
            environment: TemplateEnvironment(
                now: now, externalURL: "https://tocsin.example.org/x", pathPrefix: "/x",
                query: TemplateGoldenTests.query),
            limits: limits)
    }

    @Test(
        "know what Prometheus's know in later versions and what promtool cannot be asked",
        arguments: [
            ("{{ now }}", "1.643114203e+09"),
            ("{{ now | humanizeTimestamp }}", "2022-01-25 12:36:43 +0000 UTC"),
            ("{{ externalURL }} {{ pathPrefix }}", "https://tocsin.example.org/x /x"),
            ("{{ toDuration 90.5 }} {{ (toDuration 3600.0).Hours }}", "1m30.5s 1"),
            (
                "{{ toDuration 0.0015 }} {{ toDuration -61 }} {{ toDuration 0 }} {{ toDuration 7322.25 }}",
                "1.5ms -1m1s 0s 2h2m2.25s"
            ),
            ("{{ humanizeDuration (toDuration 90.5) }}", "1m 30s"),
            ("{{ urlQueryEscape \"a b&c\" }}", "a+b%26c"),
            ("{{ range 3 }}{{ . }}{{ end }}", "012"),
            ("{{ range $i, $n := 2 }}{{ $i }}{{ $n }} {{ end }}", "00 11 "),
            ("{{ range 0 }}{{ else }}none{{ end }}", "none"),
            ("{{ with \"\" }}a{{ else with 5 }}{{ . }}{{ else }}c{{ end }}", "5"),
            ("{{ $x := 0 }}{{ range $x = query \"other\" }}{{ end }}{{ $x.Value }}", "3"),
            ("{{ slice \"aé\" 0 2 }}", "a\u{fffd}"),
        ])
    func newer(_ template: String, _ expected: String) throws {
        #expect(try expand(template) == expected)
    }

    @Test("know the value once an alert is over")
    func resolvedValue() throws {
        let text = "{{ with $resolvedValue }}now {{ . }}{{ else }}still {{ $value }}{{ end }}"
        #expect(try expand(text, resolved: 1.5) == "now 1.5")
        #expect(try expand(text) == "still 2")
        #expect(try expand("{{ $resolvedValue }}") == "<no value>")
        #expect(try expand("{{ if eq $resolvedValue nil }}open{{ end }}") == "open")
    }

    @Test("say where on which line they went wrong")
    func lines() throws {
        #expect(throws: TemplateError(.parsing, template: "t", message: "template: t:3: undefined variable \"$x\"")) {
            try TemplateEngine("a\nb\n{{ $x }}", name: "t")
        }
        #expect {
            try expand("a\n  {{ .Foo }}")
        } throws: {
            "\($0)".hasPrefix("error executing template t: template: t:2:5: executing \"t\" at <.Foo>: can't evaluate")
        }
        #expect {
            try TemplateEngine("{{ if true\n\n}", name: "t")
        } throws: {
            "\($0)" == "template: t:3: unexpected \"}\" in operand"
        }
    }

    @Test(
        "stop where they would take too much",
        arguments: [
            (
                "{{ define \"r\" }}{{ template \"r\" }}{{ end }}{{ template \"r\" }}",
                "exceeded maximum template depth (50)"
            ),
            ("{{ range 1000000000 }}{{ end }}", "more than 200000 steps"),
            ("{{ range 100000 }}0123456789abcdef{{ end }}", "more than 1048576 bytes of output"),
            ("{{ $x := \"x\" }}{{ range 40 }}{{ $x = print $x $x }}{{ end }}", "a text of more than 1048576 bytes"),
            ("{{ printf \"%9000000d\" 1 }}", "a text of more than 1048576 bytes"),
            ("{{ printf \"%.900000f\" 1.5 | printf \"%s%[1]s\" }}", "a text of more than 1048576 bytes"),
            (
                "{{ $x := printf \"%500000d\" 1 }}{{ reReplaceAll \" \" \"xxxxx\" $x }}",
                "a text of more than 1048576 bytes"
            ),
            ("{{ $x := printf \"%1000000d\" 1 }}{{ range 100 }}{{ $x = print $x }}{{ end }}", "more than 200000 steps"),
        ])
    func limits(_ template: String, _ problem: String) {
        #expect {
            try expand(template)
        } throws: {
            "\($0)".hasSuffix(problem)
        }
    }

    @Test("cannot nest deeper than what evaluates them")
    func nesting() throws {
        for (open, close) in [("{{ (", ") }}"), ("{{ if 1 }}", "{{ end }}")] {
            let text = open + String(repeating: open.contains("if") ? open : "(", count: 5000) + "1"
            #expect(throws: TemplateError.self) { try TemplateEngine(text + close, name: "t") }
        }
        let sequence = String(repeating: "{{ if 1 }}x{{ end }}", count: 5000)
        #expect(try expand(sequence).utf8.count == 5000)
    }

    @Test("need no more stack than a worker has")
    func stack() throws {
        let deep = String(repeating: "{{ if 1 }}", count: 28) + "x" + String(repeating: "{{ end }}", count: 28)
        let parentheses =
            "{{ " + String(repeating: "(print ", count: 28) + "1" + String(repeating: ")", count: 28) + " }}"
        let recursive =
            "{{ define \"r\" }}{{ with . }}{{ with . }}{{ with . }}{{ template \"r\" (print (print 1)) }}{{ end }}{{ end }}"
            + "{{ end }}{{ end }}{{ template \"r\" 1 }}"
        let queue = Mutex<[String]>([])
        let worker = WorkerThread(name: "stack") {
            for text in [deep, parentheses, recursive] {
                let result: String
                do { result = try self.expand(text) } catch { result = "\(error)" }
                queue.withLock { $0.append(result) }
            }
        }
        worker.join()
        let results = queue.withLock { $0 }
        #expect(results.count == 3)
        #expect(results.prefix(2) == ["x", "1"])
        #expect(results.last?.contains("levels") == true || results.last?.contains("depth") == true)
    }

    @Test("give up a pattern that takes forever")
    func pattern() throws {
        let text = String(repeating: "a", count: 40)
        #expect(try expand("{{ match \"^(a+)+$\" \"\(text)b\" }}") == "false")
    }

    @Test("without actions are their own result")
    func plain() throws {
        #expect(try expand("all is } plain { text }}") == "all is } plain { text }}")
    }
}
