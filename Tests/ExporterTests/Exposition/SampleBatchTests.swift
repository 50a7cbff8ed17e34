import Bytes
import Exporter
import Telemetry
import TestSupport
import Testing

@Suite("Sample batches")
struct SampleBatchTests {
    private func rendered(_ batch: borrowing SampleBatch, _ format: ExpositionFormat = .text) -> String {
        var exposition = Exposition()
        var buffer = ByteBuffer()
        exposition.render(batch, as: format, into: &buffer)
        return String(lossy: buffer.bytes)
    }

    @Test("families come by name and samples by labels, whatever the order they were written in")
    func order() {
        var batch = SampleBatch()
        let second = batch.family("b_total", .counter, "Second.")
        let first = batch.family("a", .gauge, "First.")
        for cpu in [2, 0, 1] {
            let labels = batch.labels("cpu", cpu)
            batch.sample(second, labels, Double(cpu) * 10)
            batch.sample(first, labels, Double(cpu))
        }
        #expect(
            rendered(batch) == """
                # HELP a First.
                # TYPE a gauge
                a{cpu="0"} 0
                a{cpu="1"} 1
                a{cpu="2"} 2
                # HELP b_total Second.
                # TYPE b_total counter
                b_total{cpu="0"} 0
                b_total{cpu="1"} 10
                b_total{cpu="2"} 20

                """)
    }

    @Test("a duplicate is left out and named; families of one name are one")
    func duplicates() {
        var batch = SampleBatch()
        batch.sample("a", .gauge, "First.", 1)
        let again = batch.family("a", .gauge, "Second.")
        batch.sample(again, .none, 2)
        batch.sample(again, batch.labels("x", "y"), 3)
        var exposition = Exposition()
        var buffer = ByteBuffer()
        exposition.render(batch, as: .text, into: &buffer)
        #expect(String(lossy: buffer.bytes) == "# HELP a First.\n# TYPE a gauge\na 1\na{x=\"y\"} 3\n")
        #expect(exposition.duplicates == 1)
        #expect(exposition.duplicateExamples == ["a{}"])
    }

    @Test("names that need quotes get them where the scraper takes them, and underscores elsewhere")
    func quotedNames() {
        var batch = SampleBatch()
        let family = batch.family("http.requests", .gauge, "Of a page.")
        batch.startLabels()
        batch.label("my.label", "x")
        batch.sample(family, batch.endLabels(), 1)
        batch.sample(family, .none, 2)
        #expect(
            rendered(batch, ExpositionFormat(isOpenMetrics: false, allowsUTF8: true)) == """
                # HELP "http.requests" Of a page.
                # TYPE "http.requests" gauge
                {"http.requests"} 2
                {"http.requests","my.label"="x"} 1

                """)
        #expect(
            rendered(batch) == """
                # HELP http_requests Of a page.
                # TYPE http_requests gauge
                http_requests 2
                http_requests{my_label="x"} 1

                """)
    }

    @Test("OpenMetrics gets units, creation times and exemplars; a counter without _total keeps its name")
    func openMetrics() {
        var batch = SampleBatch()
        let seconds = batch.family("wait_seconds", .histogram, "Waits.")
        batch.startLabels()
        batch.label("le", "1")
        batch.sample(seconds, batch.endLabels(), 5, suffix: .bucket)
        batch.exemplar(batch.labels("trace_id", "abc"), 0.5, timestamp: 1500)
        batch.sample(seconds, .none, 5, suffix: .count)
        batch.sample(seconds, .none, 100, suffix: .created)
        let odd = batch.family("odd", .counter, "Of old.")
        batch.sample(odd, .none, 1)
        #expect(
            rendered(batch, .openMetrics) == """
                # HELP odd Of old.
                # TYPE odd unknown
                odd 1.0
                # HELP wait_seconds Waits.
                # TYPE wait_seconds histogram
                # UNIT wait_seconds seconds
                wait_seconds_bucket{le="1.0"} 5 # {trace_id="abc"} 0.5 1.5
                wait_seconds_count 5
                wait_seconds_created 100.0
                # EOF

                """)
    }

    @Test("labels written to a batch read back as they were", arguments: 0..<50)
    func labelsRoundTrip(round: Int) {
        var random = SeededRandom(seed: UInt64(round))
        var expected = LabelSet()
        for _ in 0..<Int.random(in: 0...6, using: &random) {
            let alphabet = Array("ab\"\\\n=,{}ü λ")
            let text = String(
                (0..<Int.random(in: 1...8, using: &random)).map { _ in
                    alphabet[Int.random(in: 0..<alphabet.count, using: &random)]
                })
            expected["l\(Int.random(in: 0...99, using: &random))"] = text
            expected["odd \(text)"] = "v"
        }
        var batch = SampleBatch()
        let labels = batch.labels(expected)
        #expect(SeriesText.labels(batch.bytes(labels.text)) == expected)
    }

    @Test("appending moves every reference")
    func append() {
        var page = SampleBatch()
        page.sample("a", .gauge, "First.", 1)
        var other = SampleBatch()
        let family = other.family("b", .gauge, "Second.")
        other.sample(family, other.labels("x", "y"), 2)
        page.append(other)
        page.append(other)
        #expect(rendered(page).hasSuffix("# HELP b Second.\n# TYPE b gauge\nb{x=\"y\"} 2\n"))
        #expect(page.samples.count == 3)
    }
}
