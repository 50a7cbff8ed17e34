import Bytes
import CAllocations
import Configuration
import Telemetry
import Testing

@testable import Jails

@Suite("What reads the lines of native jails")
struct NativeLineFilterTests {
    private func filter(_ name: String) throws -> any LineFilter {
        let definition = try #require(try NativeFilters.filter(name))
        return try definition.makeFilter(name: name, path: name, zone: .utc, now: 0)
    }

    @Test(
        "a line that is no failure allocates nothing",
        arguments: [
            ("sshd", "Accepted publickey for kim from 192.0.2.1 port 4711 ssh2: ED25519 SHA256:abc"),
            (
                "traefik",
                #"{"ClientHost":"192.0.2.1","ClientUsername":"k\"i","DownstreamStatus":200,"RequestPath":"/"}"#
            ),
            ("vault", #"{"type":"response","request":{"path":"secret/a","remote_address":"192.0.2.1"},"response":{}}"#),
            ("nextcloud", #"{"remoteAddr":"192.0.2.1","message":"File accessed","time":"2026-11-28T13:59:00Z"}"#),
        ])
    func allocations(_ name: String, _ line: String) throws {
        let filter = try filter(name)
        let bytes = [UInt8](line)
        for _ in 0..<50 { #expect(filter.failures(in: bytes.span.bytes, time: 1, now: 1).isEmpty) }
        let before = callocations_of_this_thread()
        var found = 0
        for _ in 0..<1000 { found += filter.failures(in: bytes.span.bytes, time: 1, now: 1).count }
        // Without optimisation a few loops do, for each line; the test itself may.
        let most: UInt = _isDebugAssertConfiguration() ? 10_000 : 20
        #expect(callocations_of_this_thread() - before < most)
        #expect(found == 0)
    }

    @Test(
        "fields are found in objects within objects, and by names with dots",
        arguments: [
            (#"{"a":{"b":{"c":1}}}"#, "1"), (#"{"a.b":{"c":2}}"#, "2"), (#"{"a":{"b.c":3}}"#, "3"),
            (#"{"a.b.c":4,"a":{"b":{"c":5}}}"#, "4"), (#"{"a":{"x":[{"b":{"c":6}}]},"a.b.c":7}"#, "7"),
            (#"{"a":{"b":8,"bc":9}}"#, ""), (#"{"a":[{"b":{"c":1}}]}"#, ""), (#"{"ab":{"c":1}}"#, ""), ("[1]", ""),
            (#"{"a":{"b":{"c":"x"#, ""), (#"{"a":{"b":{"c":1,"#, "1"), (#"{"a":{"b":{}},"a":{"b":{"c":5}}}"#, "5"),
        ])
    func fields(_ json: String, _ expected: String) {
        var finder = FieldFinder(["a.b.c", "z"])
        let bytes = [UInt8](json)
        _ = finder.find(in: bytes.span.bytes, from: 0)
        #expect(String(bytes[finder.values[0]]) == expected)
        #expect(finder.values[1].isEmpty)
    }

    @Test(
        "addresses are read with ports and zones, names are none",
        arguments: [
            ("192.0.2.1", "192.0.2.1"), ("192.0.2.1:80", "192.0.2.1"), ("[2001:db8::1]:80", "2001:db8::1"),
            ("[::1]", "::1"), ("fe80::1%eth0", "fe80::1"), ("::ffff:192.0.2.1", "192.0.2.1"), ("192.0.2.0/24", nil),
            ("a.example", nil), ("", nil), ("192.0.2.1, 192.0.2.2", nil), ("@", nil), ("[", nil), (":", nil),
        ] as [(String, String?)])
    func addresses(_ text: String, _ expected: String?) {
        #expect(JSONLineFilter.address(text)?.description == expected)
    }

    @Test(
        "short forms stand for groups, and ^ for the beginning of the message",
        arguments: [
            ("^a <ip>$", [], #"^\s*+(?:a <ADDR>$)"#), ("a (?<x>b) <ip>", [], "a (?P<x>b) <ADDR>"),
            ("^<user>", ["a/b"], #"^\s*+(?:(?:\S+ )?(?:a\/b)(?:\[\d+\])?: \s*+)?(?:(?P<user>.*?))"#),
            ("^<ip>", ["*"], #"^\s*+(?:(?:\S+ )?[^\s\[\]:]+\[\d+\]: \s*+)?(?:<ADDR>)"#),
            (#"[<ip>] \<ip> (?<!x)<ip>"#, [], #"[<ip>] \<ip> (?<!x)<ADDR>"#),
            ("(?P<ip>x) <id> <port> a<b", [], #"(?P<ip>x) (?P<fid>\S+) (?P<fport>\d{1,5}) a<b"#),
            ("<HOST> <F-USER>x</F-USER>", [], "<HOST> <F-USER>x</F-USER>"),
        ])
    func patterns(_ pattern: String, _ programs: [String], _ expected: String) throws {
        #expect(try NativePattern.translate(pattern, programs: programs) == expected)
    }

    @Test(
        "selectors are those of Loki",
        arguments: [
            (#"{job="a"}"#, #"job="a""#), (#"{ job = "a" , x!="b",}"#, #"job="a" x!="b""#),
            (#"{job=~"a.*",y!~`\d"`}"#, #"job=~"a.*" y!~"\\d\"""#), (#"{job="a\"b\\"}"#, #"job="a\"b\\""#),
        ])
    func selectors(_ text: String, _ expected: String) throws {
        #expect(try LogSelector(text).matchers.map(\.description).joined(separator: " ") == expected)
    }

    @Test(
        "what is no selector is refused",
        arguments: [
            "", "job", "{}", "{job}", #"{job="a""#, #"{job="a"} |= "x""#, #"{1a="b"}"#, #"{job=~"("}"#, #"{job="\d"}"#,
            #"{job=~".*"}"#,
        ])
    func wrongSelectors(_ text: String) { #expect(throws: LogSelector.Problem.self) { try LogSelector(text) } }
}
