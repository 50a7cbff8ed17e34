import Bytes
import CZlib
import Exporter
import Telemetry
import TestSupport
import Testing

private func rendered(_ registry: MetricRegistry, _ format: ExpositionFormat) -> String {
    var buffer = ByteBuffer()
    Exposition.render(registry, as: format, into: &buffer)
    return buffer.bytes.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
}

@Suite("Exposition")
struct ExpositionTests {
    private static func example() -> MetricRegistry {
        let registry = MetricRegistry()
        registry.counter("tocsin_lines_total", help: "Lines read.", ["source": "journal"]).add(1_234_567)
        registry.counter("tocsin_lines_total", help: "Lines read.", ["source": "docker"]).add(2)
        registry.gauge("tocsin_lag_seconds", help: "How far \"behind\"\nand \\ so on.").set(0.25)
        registry.computed("tocsin_odd", help: "Anything.", type: .untyped, ["a": "x\"y\\z\nw", "b": "ü"]) { -.infinity }
        let histogram = registry.histogram("tocsin_wait_seconds", help: "Waits.", bounds: [0.5, 1, 2.5], ["d": "a"])
        for value in [0.5, 0.75, 2, 2, 100] { histogram.observe(value) }
        return registry
    }

    @Test("the text format has every family with its help, type and series in order")
    func text() {
        #expect(
            rendered(Self.example(), .text) == """
                # HELP tocsin_lag_seconds How far "behind"\\nand \\\\ so on.
                # TYPE tocsin_lag_seconds gauge
                tocsin_lag_seconds 0.25
                # HELP tocsin_lines_total Lines read.
                # TYPE tocsin_lines_total counter
                tocsin_lines_total{source="docker"} 2
                tocsin_lines_total{source="journal"} 1.234567e+06
                # HELP tocsin_odd Anything.
                # TYPE tocsin_odd untyped
                tocsin_odd{a="x\\"y\\\\z\\nw",b="ü"} -Inf
                # HELP tocsin_wait_seconds Waits.
                # TYPE tocsin_wait_seconds histogram
                tocsin_wait_seconds_bucket{d="a",le="0.5"} 1
                tocsin_wait_seconds_bucket{d="a",le="1"} 2
                tocsin_wait_seconds_bucket{d="a",le="2.5"} 4
                tocsin_wait_seconds_bucket{d="a",le="+Inf"} 5
                tocsin_wait_seconds_sum{d="a"} 105.25
                tocsin_wait_seconds_count{d="a"} 5

                """)
    }

    @Test("OpenMetrics names counters without _total, writes floats as floats and ends with EOF")
    func openMetrics() {
        let lines = rendered(Self.example(), .openMetrics).split(separator: "\n", omittingEmptySubsequences: false)
        let created = lines.filter { $0.contains("_created{") }
        #expect(created.count == 3)
        let now = Double(Timestamp.now.milliseconds) / 1000
        for line in created {
            let time = line.split(separator: " ").last.flatMap { Double($0) } ?? 0
            #expect(time > now - 60 && time <= now)
        }
        #expect(
            lines.filter { !created.contains($0) }.joined(separator: "\n") == """
                # HELP tocsin_lag_seconds How far \\"behind\\"\\nand \\\\ so on.
                # TYPE tocsin_lag_seconds gauge
                # UNIT tocsin_lag_seconds seconds
                tocsin_lag_seconds 0.25
                # HELP tocsin_lines Lines read.
                # TYPE tocsin_lines counter
                tocsin_lines_total{source="docker"} 2.0
                tocsin_lines_total{source="journal"} 1.234567e+06
                # HELP tocsin_odd Anything.
                # TYPE tocsin_odd unknown
                tocsin_odd{a="x\\"y\\\\z\\nw",b="ü"} -Inf
                # HELP tocsin_wait_seconds Waits.
                # TYPE tocsin_wait_seconds histogram
                # UNIT tocsin_wait_seconds seconds
                tocsin_wait_seconds_bucket{d="a",le="0.5"} 1
                tocsin_wait_seconds_bucket{d="a",le="1.0"} 2
                tocsin_wait_seconds_bucket{d="a",le="2.5"} 4
                tocsin_wait_seconds_bucket{d="a",le="+Inf"} 5
                tocsin_wait_seconds_sum{d="a"} 105.25
                tocsin_wait_seconds_count{d="a"} 5
                # EOF

                """)
    }

    @Test("a family without series, or with names that no scraper takes, spoils nothing")
    func oddFamilies() {
        let registry = MetricRegistry()
        _ = registry.gauge("gone", help: "")
        registry.remove("gone", [:])
        registry.gauge("9 bad-name", help: "", ["label-ü": "v", "0": "w"]).set(1)
        registry.counter("plain", help: "").add(3)
        #expect(
            rendered(registry, .text) == """
                # HELP __bad_name \n# TYPE __bad_name gauge
                __bad_name{_="w",label___="v"} 1
                # HELP plain \n# TYPE plain counter
                plain 3

                """)
        #expect(rendered(registry, .openMetrics).contains("# TYPE plain unknown\nplain 3.0\n# EOF\n"))
    }

    @Test("whatever the names and values are, each line is one sample that can be taken apart again")
    func fuzz() {
        var generator = SeededRandom(seed: 0xf00d)
        let alphabet = Array("abz09_:-\"\\\n{}=, ü\u{0}\u{1F514}".unicodeScalars)
        func word(_ limit: Int) -> String {
            var scalars = String.UnicodeScalarView()
            for _ in 0..<Int.random(in: 0...limit, using: &generator) {
                scalars.append(alphabet[Int.random(in: 0..<alphabet.count, using: &generator)])
            }
            return String(scalars)
        }
        for round in 0..<300 {
            let registry = MetricRegistry()
            var values: [String] = []
            for index in 0..<5 {
                let value = word(12)
                values.append(value)
                registry.gauge("m\(index)" + word(6), help: word(20), ["l" + word(4): value]).set(Double(index))
            }
            for format in [ExpositionFormat.text, .openMetrics] {
                let lines = rendered(registry, format).split(separator: "\n").filter { !$0.hasPrefix("#") }
                #expect(lines.count == 5, "seed 0xf00d, round \(round)")
                for line in lines {
                    #expect(SampleLine(line) != nil, "seed 0xf00d, round \(round): \(line)")
                    if let value = SampleLine(line)?.labelValue { #expect(values.contains(value)) }
                }
            }
        }
    }

    @Test(
        "the format is the one that the client ranks highest",
        arguments: [
            (nil, .text), ("", .text), ("*/*", .text), ("application/json", .text), ("text/html, */*;q=0.1", .text),
            (
                "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
                    + "text/plain;version=0.0.4;q=0.5,*/*;q=0.1", .openMetrics
            ),
            (
                "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;"
                    + "version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;"
                    + "version=0.0.4;q=0.3,*/*;q=0.2", ExpositionFormat(isOpenMetrics: true, allowsUTF8: true)
            ),
            ("text/plain;version=0.0.4, application/openmetrics-text;q=0.5", .text),
            ("application/openmetrics-text;version=2.0.0, text/plain;q=0.1", .text),
            ("application/openmetrics-text;q=0", .text), (";;,,q=;=", .text),
        ] as [(String?, ExpositionFormat)])
    func negotiation(accept: String?, expected: ExpositionFormat) {
        #expect(ExpositionFormat.negotiated(accept: accept) == expected)
    }

    @Test(
        "gzip is sent to who takes it",
        arguments: [
            (nil, false), ("gzip", true), ("identity", false), ("deflate, GZIP;q=1.0", true), ("gzip;q=0, *", false),
            ("*", true), ("*;q=0", false), ("br;q=1, gzip;q=0.001", true),
        ] as [(String?, Bool)])
    func coding(header: String?, expected: Bool) {
        #expect(ExpositionFormat.acceptsGzip(header) == expected)
    }

    @Test("a compressed page decompresses to the page")
    func gzip() throws {
        let page = MetricsPage(Self.example())
        let plain = page.render(accept: nil, acceptEncoding: nil)
        let packed = page.render(accept: nil, acceptEncoding: "gzip")
        #expect(plain.contentEncoding == nil && packed.contentEncoding == "gzip")
        #expect(try #require(inflated(packed.body, limit: plain.body.count + 1)) == plain.body)
    }

    private func inflated(_ bytes: [UInt8], limit: Int) -> [UInt8]? {
        var stream = z_stream()
        guard inflateInit2_(&stream, 31, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else { return nil }
        defer { inflateEnd(&stream) }
        var input = bytes
        var output = [UInt8](repeating: 0, count: limit)
        let result = input.withUnsafeMutableBufferPointer { source in
            output.withUnsafeMutableBufferPointer { target in
                stream.next_in = source.baseAddress
                stream.avail_in = UInt32(source.count)
                stream.next_out = target.baseAddress
                stream.avail_out = UInt32(target.count)
                return inflate(&stream, Z_FINISH)
            }
        }
        return result == Z_STREAM_END ? Array(output[..<Int(stream.total_out)]) : nil
    }
}

/// A sample with at most one label, read strictly.
private struct SampleLine {
    var labelValue: String?

    init?(_ line: Substring) {
        let scalars = Array(line.unicodeScalars)
        var index = 0
        func isName(_ scalar: Unicode.Scalar) -> Bool {
            scalar.isASCII && (scalar.properties.isAlphabetic || ("0"..."9").contains(scalar) || scalar == "_")
        }
        while index < scalars.count, isName(scalars[index]) || scalars[index] == ":" { index += 1 }
        guard index > 0, index < scalars.count else { return nil }
        if scalars[index] == "{" {
            index += 1
            let start = index
            while index < scalars.count, isName(scalars[index]) { index += 1 }
            guard index > start, index + 1 < scalars.count, scalars[index] == "=", scalars[index + 1] == "\"" else {
                return nil
            }
            index += 2
            var value = String.UnicodeScalarView()
            while index < scalars.count, scalars[index] != "\"" {
                if scalars[index] == "\\" {
                    index += 1
                    guard index < scalars.count else { return nil }
                    switch scalars[index] {
                    case "n": value.append("\n")
                    case "\\", "\"": value.append(scalars[index])
                    default: return nil
                    }
                } else {
                    value.append(scalars[index])
                }
                index += 1
            }
            guard index + 1 < scalars.count, scalars[index + 1] == "}" else { return nil }
            index += 2
            labelValue = String(value)
        }
        guard index < scalars.count, scalars[index] == " " else { return nil }
        var number = String.UnicodeScalarView()
        number.append(contentsOf: scalars[(index + 1)...])
        guard Double(String(number)) != nil else { return nil }
    }
}
