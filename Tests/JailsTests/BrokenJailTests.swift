import Bytes
import Configuration
import Testing

@testable import Jails

@Suite("Broken jails")
struct BrokenJailTests {
    private static let files = [
        "jail.conf": "[DEFAULT]\nfilter = ok\nlogpath = /var/log/a\n",
        "filter.d/ok.conf": "[Definition]\nfailregex = ^ok <HOST>\njournalmatch =\n",
        "filter.d/bad.conf": "[Definition]\n\nfailregex = ^ok (<HOST>\n",
        "filter.d/loop.conf": "[Definition]\nfailregex = <x> <HOST>\nx = <x>\n",
        "action.d/a.conf": "[Definition]\nactionban = a <ip>\n",
    ]

    /// What is wrong with a jail of `jail.local` whose third line is given.
    private func problem(_ line: String) throws -> String {
        let files = try ConfigurationFiles(
            Self.files.merging(["jail.local": "[one]\nenabled = true\n\(line)\n[two]\nenabled = true\n"]) { $1 })
        let configuration = try JailsConfiguration(directory: files.path)
        #expect(configuration.jails.map(\.name).contains("two"))
        var found = configuration.problems.first?.error
        if let jail = configuration.jails.first(where: { $0.name == "one" }) {
            do throws(JailConfigurationError) {
                _ = try JailSettings(jail)
                _ = try jail.source()
                if let filter = jail.filter { _ = try Filter(filter, now: 0) }
            } catch { found = error }
        }
        return try #require(found).description.replacing(each: files.path + "/", by: "")
    }

    @Test(
        "the file and line that are to blame",
        arguments: [
            ("filter = none", "jail.local:3: jail [one]: filter: filter.d/none.conf: there is no such file"),
            ("filter = bad", "filter.d/bad.conf:3: failregex: pattern"),
            ("filter = loop", "jail.local:3: jail [one]: filter: filter.d/loop.conf: failregex: <x> contains itself"),
            ("failregex = ^ok (<HOST>", "jail.local:3: failregex: pattern"),
            ("failregex = ^ok", "jail.local:3: failregex: expected <HOST>"),
            ("datepattern = ^%%Q", "jail.local:3: datepattern: pattern"),
            ("maxlines = 0", "jail.local:3: maxlines: expected a number from 1"),
            ("usedns = maybe", "jail.local:3: jail [one]: usedns: expected yes"),
            ("port = nosuch", "jail.local:3: jail [one]: port: expected a number to 65535"),
            ("bantime.increment = true\nbantime.formula = x(", "jail.local:4: jail [one]: bantime.formula:"),
            ("ignorecache = key", "jail.local:3: jail [one]: ignorecache:"),
            ("logencoding = klingon", "jail.local:3: jail [one]: logencoding: expected auto"),
            ("logpath =", "jail.local:3: jail [one]: logpath: expected the logs to read, found none"),
            ("journalmatch = FOO\nbackend = systemd", "jail.local:3: journalmatch: match 'FOO': expected FIELD=value"),
            ("backend = systemd[", "jail.local:3: jail [one]: backend: expected"),
            ("action = none", "jail.local:3: jail [one]: action: action.d/none.conf: there is no such file"),
        ])
    func places(line: String, expected: String) throws {
        let found = try problem(line)
        #expect(found.hasPrefix(expected), "\(found)")
    }

    @Test("where an option stands is no part of what a jail is, so that a comment restarts none")
    func fingerprint() throws {
        func text(_ comment: String) throws -> String {
            let files = try ConfigurationFiles(Self.files)
            try files.write("jail.conf", comment + "[DEFAULT]\nfilter = ok\n[one]\nlogpath = /a\n")
            let jail = try #require(try JailsConfiguration(directory: files.path).jails.first)
            return "\(jail.places) \(jail.filter?.places.description ?? "none")"
        }
        #expect(try text("") == text("# more\n"))
    }

    @Test(
        "what looks like an address and is none is told",
        arguments: [
            ("1.2.3.4/99", true), ("300.1.1.1", true), ("::1/129", true), ("10.0.0.0/255.0.0.0", false), ("::1", false),
            ("192.0.2.0/24", false), ("office.example.org", false), ("file:/etc/list", false), ("bob", false),
            ("cafe", false), ("1.2.3.4-1.2.3.9", false),
        ])
    func ignored(entry: String, isStrange: Bool) { #expect(IgnoreSettings.remarks(on: [entry]).isEmpty != isStrange) }

    @Test("a line of a session whose address comes later is matched, as fail2ban-regex counts; empty lines are none")
    func sessions() throws {
        let definition = FilterDefinition(
            name: "x", path: "x",
            failurePatterns: [
                "^<F-MLFID>s\\d+</F-MLFID> bad$", "^<F-MLFID>s\\d+</F-MLFID> <F-NOFAIL>by</F-NOFAIL> <HOST>$",
            ],
            datePatterns: ["{NONE}"])
        let filter = try Filter(definition, now: 1e9)
        var report = FilterReport()
        for line in ["s1 bad", "", "s1 by 192.0.2.1", "else"] {
            report.take(Array(line.utf8).span.bytes, filter, now: 1e9)
        }
        #expect([report.lines, report.matched, report.ignored, report.missed] == [3, 2, 0, 1])
        #expect(report.failures.map(\.id?.description).compactMap { $0 } == ["192.0.2.1"])
    }
}
