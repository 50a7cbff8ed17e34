import Configuration
import Telemetry
import Testing

@testable import Jails

/// The filters that come with the agent, line by line. `NativeFilterTests/NAME.txt` has for each line one above it that says what is
/// expected: `+ 192.0.2.1` (and `user=…`, `score=…`, `time=…` in seconds) or `-` and why nothing is found; `#` begins a comment.
@Suite("The agent's own filters")
struct NativeFilterLineTests {
    private static let now = 1_795_874_400.0  // 2026-11-28T14:00:00Z

    private struct Case {
        var isFailure: Bool
        var expectation: String
        var line: String
        var number: Int
    }

    private func cases(_ name: String) throws -> [Case] {
        let folder = "/" + #filePath.split(separator: "/").dropLast().joined(separator: "/")
        let path = folder + "/NativeFilterTests/\(name).txt"
        let bytes = try ConfigurationSurroundings.process.read(path).get()
        var cases: [Case] = []
        var head: String?
        for (index, line) in String(bytes).lines.enumerated() {
            if let expectation = head {
                cases.append(
                    Case(
                        isFailure: expectation.hasPrefix("+"), expectation: String(expectation.dropFirst()).trimmed,
                        line: line, number: index + 1))
                head = nil
            } else if line.hasPrefix("+") || line.hasPrefix("-") {
                head = line
            } else {
                try #require(line.isEmpty || line.hasPrefix("#"), "\(name).txt:\(index + 1)")
            }
        }
        return cases
    }

    @Test("a filter finds its lines and no others", arguments: NativeFilters.names)
    func lines(_ name: String) throws {
        let definition = try #require(try NativeFilters.filter(name))
        let cases = try cases(name)
        #expect(cases.contains { $0.isFailure } && cases.contains { !$0.isFailure })
        let filter = try definition.makeFilter(name: name, path: name, zone: .utc, now: Self.now)
        for one in cases {
            let place = "\(name).txt:\(one.number): \(one.line)"
            let bytes = [UInt8](one.line)
            let found = filter.failures(in: bytes.span.bytes, time: nil, now: Self.now).filter { !$0.isNoFail }
            // A source that knows the time makes no difference to who is found.
            let timed = filter.failures(in: bytes.span.bytes, time: 1, now: Self.now).filter { !$0.isNoFail }
            #expect(found.map(\.id) == timed.map(\.id) && timed.allSatisfy { $0.time == 1 }, "\(place)")
            #expect(found.map { $0.id ?? "nobody" } == (one.isFailure ? [who(one.expectation)] : []), "\(place)")
            guard one.isFailure, let failure = found.first else { continue }
            #expect(failure.weight == Int(value("score", one.expectation) ?? "1"), "\(place)")
            if let user = value("user", one.expectation) { #expect(failure.text("user") ?? "" == user, "\(place)") }
            if let time = value("time", one.expectation) { #expect(failure.time == Double(time), "\(place)") }
        }
        for pattern in filter.textFilter?.failurePatterns ?? [] {
            #expect(pattern.matchCount > 0, "no line of \(name).txt is for \(pattern.text)")
        }
    }

    @Test("the lint has nothing to say", arguments: NativeFilters.embedded.map(\.name))
    func lint(_ name: String) throws {
        let file = try #require(NativeFilters.embedded.first { $0.name == name })
        let read = try NativeFilters.read(file)
        #expect(read.warnings.map(\.description) == [])
        #expect(!read.contents.summary.isEmpty)
    }

    private func who(_ expectation: String) -> String { String(expectation.prefix { $0 != " " }) }

    private func value(_ key: String, _ expectation: String) -> String? {
        let mark = " \(key)="
        var rest = expectation[...]
        while !rest.isEmpty, !rest.hasPrefix(mark) { rest = rest.dropFirst() }
        guard !rest.isEmpty else { return nil }
        let text = rest.dropFirst(mark.count)
        // A name with spaces stands in brackets.
        return text.hasPrefix("[") ? String(text.dropFirst().prefix { $0 != "]" }) : String(text.prefix { $0 != " " })
    }
}
