import Glibc
import Rules
import Telemetry
import Testing

/// The templates of golden.txt against what Prometheus makes of them.
@Suite("Templates, as Prometheus expands them")
struct TemplateGoldenTests {
    struct Case: CustomTestStringConvertible {
        var line: Int
        var template: String
        var expected: String

        var testDescription: String { "line \(line): \(template)" }
    }

    static let cases: [Case] = {
        let folder = "/" + #filePath.split(separator: "/").dropLast().joined(separator: "/")
        guard let file = fopen(folder + "/../../Integration/templates/golden.txt", "r") else { return [] }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        while case let count = fread(&chunk, 1, chunk.count, file), count > 0 { bytes += chunk[..<count] }
        let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
        return lines.indices.dropLast().compactMap { index in
            guard lines[index + 1].hasPrefix("  "), !lines[index].hasPrefix("  ") else { return nil }
            return Case(
                line: index + 1, template: String(lines[index]), expected: String(lines[index + 1].dropFirst(2)))
        }
    }()

    static let labels: LabelSet = [
        "__name__": "m", "instance": "db-1.example.org:9100", "job": "node", "path": "/a b&c",
        "quote": "it's \"x\" <y>", "uni": "é✓ż", "num": "12.5",
    ]

    /// The answers of promtool to the queries in the file.
    static func query(_ text: String) throws(QueryError) -> [VectorSample] {
        func sample(_ labels: LabelSet, _ value: Double) -> VectorSample {
            VectorSample(labels: labels, timestamp: 0, value: value)
        }
        let a = sample(["__name__": "other", "n": "a", "v": "10"], 1)
        let b = sample(["__name__": "other", "n": "b", "v": "2"], 2)
        let c = sample(["__name__": "other", "n": "c", "v": "1"], 3)
        switch text {
        case "other": return [b, a, c]
        case "other{n=\"b\"}": return [b]
        case "other{n='c'}": return [c]
        case "sum(other)": return [sample([:], 6)]
        case "5": return [sample([:], 5)]
        case "nothing": return []
        default: throw .syntax("1:1: parse error: \(text)")
        }
    }

    static func expand(_ template: String) throws(TemplateError) -> String {
        let engine = try TemplateEngine(template, name: "__alert_A")
        let data = TemplateData(
            labels: labels, value: 1234.5678, externalLabels: ["site": "north"],
            externalURL: "http://prom.example.org/x")
        return try engine.expand(data, environment: TemplateEnvironment(now: 0, query: query))
    }

    @Test("gives what promtool gives", arguments: cases)
    func golden(_ example: Case) {
        let template = example.template.replacing("⏎", with: "\n")
        let result: String
        do {
            result = "= \(try Self.expand(template))|"
        } catch {
            result = "! \(error)"
        }
        #expect(result.replacing("\n", with: "⏎") == example.expected)
    }

    @Test("the file is there")
    func present() { #expect(Self.cases.count > 400) }
}
