import Bytes
import Configuration
import Telemetry
import TestSupport
import Testing

@testable import Jails

/// A section with `native:` alone, as `jails:` has it.
private struct Section: ConfigurationSection {
    var jails: [NativeJail]
    static let configurationKeys = [ConfigurationKey("native", "list", "Jails.")]

    init(_ reader: MappingReader) {
        jails = NativeJail.read(reader.value("native"))
        reader.finish()
    }
}

@Suite("Native jails")
struct NativeJailTests {
    private static let now = 1_795_874_400.0

    private func read(_ jail: String) throws -> (jails: [NativeJail], warnings: [String]) {
        let text = "native:\n" + jail
        let file = try ConfigurationFile<Section>([UInt8](text), file: "t.yaml")
        return (file.contents.jails, file.warnings.map(\.description))
    }

    private func problems(_ jail: String) -> [String] {
        do throws(ConfigurationError) {
            let file = try ConfigurationFile<Section>([UInt8]("native:\n" + jail), file: "t.yaml")
            return file.warnings.map { "warning: \($0)" }
        } catch {
            return error.problems.map(\.description)
        }
    }

    private func find(_ filter: any LineFilter, _ line: String, time: Double? = nil) -> [Failure] {
        let bytes = [UInt8](line)
        return filter.failures(in: bytes.span.bytes, time: time, now: Self.now)
    }

    @Test("a short jail has the defaults of native jails")
    func defaults() throws {
        let jail = try #require(
            try read("  - {name: ssh, journal: _SYSTEMD_UNIT=ssh.service, filter: sshd}").jails.first)
        #expect(jail.settings.name == "ssh" && jail.settings.maximumRetries == 5)
        #expect(jail.settings.findTime == 600 && jail.settings.banTime == 600)
        #expect(jail.settings.scope == BanScope(ipv4Bits: 32, ipv6Bits: 64, promotesAt: 0))
        #expect(jail.settings.increment.isEnabled && jail.settings.increment.maximum == 604_800)
        #expect(jail.settings.usesDNS == .ignore && jail.settings.ignoring.ignoresSelf)
        #expect(jail.settings.ports == nil && !jail.settings.rejects && jail.actions == ["firewall"])
        #expect(jail.mode == nil && jail.isEnabled && !jail.settings.isObserving)
        #expect(jail.sources.journal == ["_SYSTEMD_UNIT=ssh.service"] && jail.sources.logs.isEmpty)
        #expect(jail.position == SourcePosition(line: 2, column: 5))
    }

    @Test("an alert by its labels, and after which silence")
    func alerts() throws {
        let jails = try read(
            """
              - {name: a, files: /a, filter: sshd}
              - {name: b, files: /a, filter: sshd, alert: true, silent_after: 0}
              - {name: c, files: /a, filter: sshd, alert: false, silent_after: 2h}
              - {name: d, files: /a, filter: sshd, alert: {severity: warning, team: web}}
            """
        ).jails
        #expect(jails.map { $0.alert?.isOn } == [nil, true, false, true])
        #expect(jails.map(\.silentAfter) == [nil, 0, 7200, nil])
        #expect(jails[3].alert?.labels == ["severity": "warning", "team": "web"])
        #expect(
            problems("  - {name: a, files: /a, filter: sshd, alert: soon}")
                == ["t.yaml:2:47: alert: expected true or false, found \"soon\""])
    }

    @Test("everything can be said")
    func everything() throws {
        let text = #"""
              - name: web
                enabled: false
                logs: ['{job="nginx", host=~"web\\d+"}', '{job="caddy"}']
                files: [/var/log/a/*.log]
                journal: ["_SYSTEMD_UNIT=a.service _PID=1", _COMM=b]
                filter: [nginx-auth, nginx-limit]
                programs: [appd]
                patterns:
                  - '^denied (?<user>\S+) <ip>$'
                  - {pattern: '^broken in by <ip>$', score: 5}
                ignore: ['^denied monitor ']
                find_time: 1h
                max_score: 10
                ban_time: forever
                ban_time_increment: {factor: 2, maximum: 30d, multipliers: [1, 5.5], random: 10m, all_jails: true}
                scope: {ipv4: 24, ipv6: 56, promote_at: 4}
                ignore_ips: [192.0.2.0/24]
                ignore_self: false
                ports: [ssh, 8080, 9000-9010]
                protocols: [tcp, udp]
                reject: true
                actions: [firewall, hook]
                mode: observe
            """#
        let jail = try #require(try read(text).jails.first)
        let settings = jail.settings
        #expect(!jail.isEnabled && jail.mode == .observe && settings.isObserving)
        #expect(jail.sources.logs.map(\.text) == [#"{job="nginx", host=~"web\\d+"}"#, #"{job="caddy"}"#])
        #expect(jail.sources.logs[0].matchers.map(\.value) == ["nginx", #"web\d+"#])
        #expect(jail.sources.logs[0].matches(["job": "nginx", "host": "web12"]))
        #expect(!jail.sources.logs[0].matches(["job": "nginx"]))
        #expect(jail.sources.files == ["/var/log/a/*.log"] && jail.sources.journal.count == 2)
        #expect(settings.findTime == 3600 && settings.maximumRetries == 10 && settings.banTime == -1)
        #expect(settings.increment.factor == 2 && settings.increment.maximum == 30 * 86_400)
        #expect(settings.increment.multipliers == [1, 5.5] && settings.increment.random == 600)
        #expect(settings.increment.countsAllJails)
        #expect(settings.scope == BanScope(ipv4Bits: 24, ipv6Bits: 56, promotesAt: 4))
        #expect(settings.ignoring.entries == ["192.0.2.0/24"] && !settings.ignoring.ignoresSelf)
        #expect(settings.ports == PortSelection(ranges: [22...22, 8080...8080, 9000...9010], isTCP: true, isUDP: true))
        #expect(settings.rejects && jail.actions == ["firewall", "hook"])
        let filter = try jail.makeFilter(now: Self.now)
        #expect(find(filter, "Nov 28 13:59:00 h appd[1]: denied kim 192.0.2.1").map(\.id) == ["192.0.2.1"])
        #expect(find(filter, "Nov 28 13:59:00 h otherd[1]: denied kim 192.0.2.1").isEmpty)
        #expect(find(filter, "denied kim 192.0.2.1").first?.text("user") == "kim")
        #expect(find(filter, "denied monitor 192.0.2.1").isEmpty && filter.outcome == .ignored)
        #expect(find(filter, "broken in by 2001:db8::1").map(\.weight) == [5])
    }

    @Test("the date is cut out whether the source knows the time or not, and the source's counts")
    func time() throws {
        let jail = try #require(try read("  - {name: a, files: /a, patterns: ['^denied <ip>$']}").jails.first)
        let filter = try jail.makeFilter(now: Self.now)
        let line = "2026-11-28 13:59:00 denied 192.0.2.1"
        #expect(find(filter, line).map(\.time) == [Self.now - 60])
        #expect(find(filter, line, time: 5).map(\.time) == [5])
        #expect(find(filter, "2026-11-28 13:59:00 nothing 192.0.2.1", time: 5).isEmpty)
        let none = try #require(
            try read("  - {name: a, files: /a, date: none, patterns: ['^<ip> \\S+ denied$']}").jails.first)
        let dateless = try none.makeFilter(now: Self.now)
        #expect(find(dateless, "192.0.2.1 2026-11-28T13:59:00Z denied").map(\.time) == [Self.now])
    }

    @Test("JSON lines are read by their fields")
    func json() throws {
        let text = #"""
              - name: a
                logs: '{job="a"}'
                json:
                  address: [client.ip, peer]
                  user: user
                  time: at
                  when: {level: {not: [debug, info]}, kind: {regex: '^log(in|on)$'}}
                  cases:
                    - {when: {code: [401, 500-599]}, score: 3}
                    - when: {reason: locked, code: {not: {regex: '^2'}}}
                ignore: ['"agent":"monitor"']
            """#
        let jail = try #require(try read(text).jails.first)
        let filter = try jail.makeFilter(now: Self.now)
        let found = find(
            filter,
            #"{"at":1795874300.25,"client":{"ip":"192.0.2.1:4711"},"user":"a\"b","kind":"login","level":"warn","code":503}"#
        )
        #expect(
            found.map(\.id) == ["192.0.2.1"] && found.map(\.weight) == [3] && found.map(\.time) == [1_795_874_300.25])
        #expect(found.first?.text("user") == "a\"b" && found.first?.groups["ip4"] == .text("192.0.2.1"))
        let flat = find(
            filter, #"{"client.ip":["::1","x"],"kind":"logon","reason":"locked","at":"2026-11-28T13:59:00.5Z"}"#)
        #expect(flat.map(\.id) == ["::1"] && flat.map(\.weight) == [1] && flat.map(\.time) == [Self.now - 60])
        let failing = #""kind":"login","level":"warn","code":401}"#
        #expect(find(filter, #"{"peer":"[2001:db8::1]:80","# + failing).map(\.id) == ["2001:db8::1"])
        #expect(find(filter, #"h app: {"peer":"192.0.2.1","# + failing).map(\.id) == ["192.0.2.1"])
        // An address that is none, none at all, and what the conditions refuse.
        #expect(find(filter, #"{"peer":"example.org","# + failing).isEmpty)
        #expect(find(filter, #"{"client":{"ip":"x"},"peer":"192.0.2.1","# + failing).isEmpty)
        #expect(find(filter, "{" + failing).isEmpty)
        for line in [
            #""kind":"login","level":"info","code":401}"#, #""kind":"logins","level":"warn","code":401}"#,
            #""kind":"login","level":"warn","code":404}"#, #""level":"warn","code":401}"#,
            #""kind":"login","reason":"locked","code":200}"#,
        ] {
            #expect(find(filter, #"{"peer":"192.0.2.1","# + line).isEmpty, "\(line)")
        }
        #expect(
            find(filter, #"{"peer":"192.0.2.1","agent":"monitor","# + failing).isEmpty && filter.outcome == .ignored)
        // What somebody else chose stays within its quotes.
        let forged = #"{"user":"x\",\"peer\":\"192.0.2.7\",\"code\":401,\"y\":\"","peer":"192.0.2.1","# + failing
        #expect(find(filter, forged).map(\.id) == ["192.0.2.1"])
    }

    @Test(
        "what is wrong is said with its place and a remedy",
        arguments: [
            ("{name: a, journal: A=b, filter: shd}", "2:37: filter: there is no filter \"shd\"; did you mean sshd?"),
            ("{name: a, filter: sshd}", "2:5: expected logs, files or journal: where its lines come from"),
            ("{name: a, journal: A=b}", "2:5: expected filter, patterns or json: what a failure looks like"),
            ("{name: 'a b', journal: A=b, filter: sshd}", "2:6: name: expected at most 64 letters"),
            ("{name: a, journal: ssh, filter: sshd}", "2:24: journal: expected journalctl's FIELD=value"),
            ("{name: a, logs: '{job=nginx}', filter: sshd}", "2:21: logs: expected a value in quotes at byte 5"),
            ("{name: a, logs: '{job!=\"x\"}', filter: sshd}", "does not meet"),
            (
                "{name: a, files: a, patterns: ['^<addr> x']}",
                "2:36: patterns[0]: pattern \"^<addr> x\", at byte 1: <addr> stands for nothing; known are"
            ),
            ("{name: a, files: a, patterns: ['^<usr> <ip>$']}", "did you mean <user>?"),
            ("{name: a, files: a, patterns: ['^denied$']}", "expected <ip> or <id> in it to say who failed"),
            ("{name: a, files: a, patterns: ['^a( <ip>$']}", "2:36: patterns[0]: pattern"),
            ("{name: a, files: a, patterns: ['^<ip>$'], max_retry: 0}", "max_retry: expected a whole number from 1"),
            ("{name: a, files: a, filter: sshd, max_retry: 1, max_score: 2}", "only one of max_retry and max_score"),
            ("{name: a, files: a, filter: sshd, ban_time: 600}", "ban_time: expected a duration with its unit"),
            ("{name: a, files: a, filter: sshd, port: 22}", "unknown key \"port\"; did you mean ports?"),
            ("{name: a, files: a, filter: sshd, ports: [nosuchport]}", "ports[0]: port: expected a number to 65535"),
            ("{name: a, files: a, filter: sshd, ports: [9-1]}", "ports[0]: port: expected a range that ascends"),
            ("{name: a, files: a, filter: sshd, mode: watch}", "mode: expected one of observe, enforce"),
            ("{name: a, files: a, filter: sshd, scope: {ipv6: 8}}", "ipv6: expected a whole number from 16 to 128"),
            ("{name: a, files: a, filter: sshd, scope: {promote_at: 1}}", "promote_at: expected 0 for never"),
            ("{name: a, files: a, json: {address: ip}}", "without them every line would be a failure"),
            ("{name: a, files: a, json: {when: {a: 1}}}", "address is missing"),
            ("{name: a, files: a, json: {address: ip, when: {a: 9-1}}}", "when.a: expected the smaller number first"),
            ("{name: a, files: a, json: {address: ip, when: {a: {regex: '('}}}}", "regex: pattern \"(\""),
            ("{name: a, files: a, json: {address: ip, when: {a: {is: 1}}}}", "unknown key \"is\""),
            ("{name: a, files: a, date: '%Q', filter: sshd}", "date:"),
            (
                "{name: a, files: a, filter: sshd}\n  - {name: a, files: b, filter: sshd}",
                "3:5: native[1]: expected another name than a"
            ),
        ])
    func wrong(_ jail: String, _ expected: String) {
        let found = problems("  - " + jail)
        #expect(found.contains { $0.contains(expected) }, "\(found)")
    }

    @Test("any file of configuration is read or refused, never more")
    func fuzzDecoder() throws {
        var random = SeededRandom(seed: 71)
        let pieces = [
            "{", "}", "[", "]", ":", ",", " ", "\n", "  - ", "name", "a", "json", "when", "cases", "address",
            "patterns",
            "'^<ip>$'", "<", ">", "(?<x>", "\\", "'", "\"", "filter", "sshd", "files", "logs", "{job=\"a\"}", "1-2",
            "regex",
            "not", "score", "-1", "99999999999999999999", "ports", "scope", "ipv6", "ban_time_increment", "true",
            "null", "~",
        ]
        for _ in 0..<800 {
            var text = "native:\n  - {name: a, files: b, "
            for _ in 0..<Int.random(in: 1...12, using: &random) {
                text += pieces[Int.random(in: 0..<pieces.count, using: &random)]
                if Bool.random(using: &random) { text += ": " }
            }
            text += "}"
            do throws(ConfigurationError) {
                let jails = try ConfigurationFile<Section>([UInt8](text), file: "t.yaml").contents.jails
                for jail in jails { #expect(throws: Never.self, "\(text)") { try jail.makeFilter(now: Self.now) } }
            } catch {
                #expect(!error.problems.isEmpty)
            }
        }
    }

    @Test("any JSON, torn or turned, is read without harm, and who is found is an address")
    func fuzzLines() throws {
        let text = """
              - name: a
                files: a
                json: {address: [a.b, c], user: u, time: t, when: {s: [1, 2-9], 'p.q': {not: {regex: x}}}}
            """
        let filter = try #require(try read(text).jails.first).makeFilter(now: Self.now)
        let seed = [UInt8](
            #"{"t":"2026-11-28T13:59:00Z","a":{"b":"192.0.2.1","x":[1,{"y":"\u00e4\ud83d"}]},"u":"k\n","s":5,"p":{"q":null}}"#
        )
        var random = SeededRandom(seed: 72)
        var found = 0
        for _ in 0..<5000 {
            var line = seed
            for _ in 0..<Int.random(in: 0...6, using: &random) where !line.isEmpty {
                let index = Int.random(in: 0..<line.count, using: &random)
                switch Int.random(in: 0..<4, using: &random) {
                case 0: line.remove(at: index)
                case 1: line[index] = UInt8.random(in: 0...255, using: &random)
                case 2: line.insert(line[Int.random(in: 0..<line.count, using: &random)], at: index)
                default: line.removeSubrange(index...)
                }
            }
            for failure in filter.failures(in: line.span.bytes, time: nil, now: Self.now) {
                found += 1
                #expect(failure.id.flatMap { IPNetwork($0)?.isAddress } == true, "\(String(line))")
            }
        }
        #expect(found > 250)
    }
}
