import Bytes
import Exporter
import Telemetry
import Testing

/// A source whose pages go through a cache, and what came out, as text.
private struct Rig: ~Copyable {
    var cache: SeriesCache
    var time: Int64 = 0

    init(_ configure: (inout SeriesRules) -> Void = { _ in }) {
        var rules = SeriesRules(targetLabels: ["instance": "h:1", "job": "j"])
        configure(&rules)
        cache = SeriesCache(rules)
    }

    /// One round; the error as its only line.
    mutating func scrape(_ page: String, openMetrics: Bool = false) -> [String] {
        time += 1000
        var batch = SampleBatch()
        var output = SeriesBatch()
        cache.begin()
        do {
            let bytes = Array(page.utf8)
            if openMetrics {
                var parser = OpenMetricsParser()
                try parser.parse(bytes.span.bytes, into: &batch)
            } else {
                var parser = PrometheusTextParser()
                try parser.parse(bytes.span.bytes, into: &batch)
            }
            try cache.take(batch, at: time, into: &output)
            cache.finish(at: time, into: &output)
            return lines(output)
        } catch {
            cache.fail(at: time, into: &output)
            return lines(output) + ["error: \(error)"]
        }
    }

    /// One round of an OpenMetrics page; its exemplars.
    mutating func exemplars(_ page: String) throws -> [String] {
        time += 1000
        var batch = SampleBatch()
        var output = SeriesBatch()
        var parser = OpenMetricsParser()
        cache.begin()
        let bytes = Array(page.utf8)
        try parser.parse(bytes.span.bytes, into: &batch)
        try cache.take(batch, at: time, into: &output)
        cache.finish(at: time, into: &output)
        return output.exemplars.map { exemplar in
            "\(exemplar.series.labels["__name__"] ?? "")\(exemplar.labels) \(exemplar.value) @\(exemplar.timestamp)"
        }
    }

    private func lines(_ output: SeriesBatch) -> [String] {
        output.samples.map { sample in
            var labels = sample.series.labels
            let name = labels["__name__"] ?? ""
            labels["__name__"] = nil
            let value = StaleMarker.isStale(sample.value) ? "stale" : "\(sample.value)"
            let time = sample.timestamp == self.time ? "" : " @\(sample.timestamp)"
            let start = sample.startTimestamp == 0 ? "" : " since \(sample.startTimestamp)"
            return "\(name)\(labels) \(value)\(time)\(start)"
        }
    }
}

@Suite("Series cache")
struct SeriesCacheTests {
    @Test("the target's labels stand on every series, its own become exported ones")
    func exported() {
        var rig = Rig()
        #expect(
            rig.scrape("a{job=\"x\",exported_job=\"y\",instance=\"\"} 1\nb 2\n") == [
                #"a{exported_exported_job="x", exported_job="y", instance="h:1", job="j"} 1.0"#,
                #"b{instance="h:1", job="j"} 2.0"#,
            ])
    }

    @Test("with honor_labels the series' labels win, and an empty one keeps the target's off")
    func honored() {
        var rig = Rig { $0.honorsLabels = true }
        #expect(
            rig.scrape("a{job=\"x\",instance=\"\"} 1\nb 2\n") == [
                #"a{job="x"} 1.0"#, #"b{instance="h:1", job="j"} 2.0"#,
            ])
    }

    @Test("what vanishes gets one stale marker and may come back")
    func staleness() {
        var rig = Rig { $0.targetLabels = [:] }
        #expect(rig.scrape("a 1\nb 2\n") == ["a{} 1.0", "b{} 2.0"])
        #expect(rig.cache.counts.added == 2)
        #expect(rig.scrape("b 2\n") == ["b{} 2.0", "a{} stale"])
        #expect(rig.scrape("b 2\n") == ["b{} 2.0"])
        #expect(rig.scrape("a 1\nb 2\n") == ["a{} 1.0", "b{} 2.0"])
        #expect(rig.cache.counts.added == 1)
        #expect(
            rig.scrape("nonsense") == [
                "a{} stale", "b{} stale", "error: line 1, column 9: expected a value, found the end",
            ])
        #expect(rig.scrape("nonsense").count == 1)
        #expect(rig.scrape("b 2\n") == ["b{} 2.0"])
    }

    @Test("a series with times of its own gets no marker, unless they are tracked")
    func timestamps() {
        var rig = Rig { $0.targetLabels = [:] }
        #expect(rig.scrape("a 1 500\na 2 600\na 3 600\n") == ["a{} 1.0 @500", "a{} 2.0 @600"])
        #expect(rig.cache.counts.outOfOrder == 1)
        #expect(rig.scrape("a 2 600\n") == [])
        #expect(rig.scrape("") == [])
        #expect(rig.scrape("a 1 604001\n").isEmpty)
        #expect(rig.cache.counts.ahead == 1)
        var tracking = Rig {
            $0.targetLabels = [:]
            $0.tracksTimestampStaleness = true
        }
        #expect(tracking.scrape("a 1 500\n") == ["a{} 1.0 @500"])
        #expect(tracking.scrape("") == ["a{} stale"])
        var deaf = Rig {
            $0.targetLabels = [:]
            $0.honorsTimestamps = false
        }
        #expect(deaf.scrape("a 1 500\n") == ["a{} 1.0"])
        #expect(deaf.scrape("") == ["a{} stale"])
    }

    @Test("of samples of one series the first counts, whatever bytes the others have")
    func duplicates() throws {
        var drop = RelabelRule()
        drop.action = .labeldrop
        drop.regex = "x"
        let relabeler = try Relabeler([drop])
        var rig = Rig {
            $0.targetLabels = [:]
            $0.relabeler = relabeler
        }
        #expect(rig.scrape("a 1\na 2\na{x=\"1\"} 3\n") == ["a{} 1.0"])
        #expect(rig.cache.counts.scraped == 3)
        #expect(rig.cache.counts.kept == 3)
        #expect(rig.cache.counts.added == 2)
        #expect(rig.scrape("a{x=\"1\"} 3\n") == ["a{} 3.0"])
        #expect(rig.scrape("") == ["a{} stale"])
    }

    @Test("metric relabelling drops and renames once per series")
    func relabelling() throws {
        var drop = RelabelRule()
        drop.action = .drop
        drop.sourceLabels = ["__name__"]
        drop.regex = "go_.*"
        var rename = RelabelRule()
        rename.sourceLabels = ["__name__"]
        rename.regex = "old_(.*)"
        rename.targetLabel = "__name__"
        rename.replacement = "new_$1"
        let relabeler = try Relabeler([drop, rename])
        var rig = Rig {
            $0.targetLabels = [:]
            $0.relabeler = relabeler
        }
        for _ in 0..<2 { #expect(rig.scrape("go_x 1\nold_y 2\n") == ["new_y{} 2.0"]) }
        #expect(rig.cache.counts.scraped == 2)
        #expect(rig.cache.counts.kept == 1)
        #expect(rig.cache.count == 2)
    }

    @Test("limits fail the scrape, which then has markers for all series there were")
    func limits() {
        var rig = Rig {
            $0.targetLabels = [:]
            $0.limits.samples = 2
        }
        #expect(rig.scrape("a 1\nb 2\n").count == 2)
        #expect(
            rig.scrape("a 1\nb 2\nc 3\nd 4\n") == [
                "a{} stale", "b{} stale", "error: sample_limit exceeded (samples: 4, limit: 2)",
            ])
        #expect(rig.cache.counts.kept == 4)
        #expect(rig.scrape("a 1\n") == ["a{} 1.0"])
        for (limit, error) in [
            (\SeriesLimits.labels, "label_limit exceeded (metric: abc, number of labels: 2, limit: 1)"),
            (
                \SeriesLimits.labelNameLength,
                "label_name_length_limit exceeded (metric: abc, label name: __name__, length: 8, limit: 1)"
            ),
            (
                \SeriesLimits.labelValueLength,
                "label_value_length_limit exceeded (metric: abc, label name: __name__, value: abc, length: 3, limit: 1)"
            ),
        ] {
            var limited = Rig {
                $0.targetLabels = [:]
                $0.limits[keyPath: limit] = 1
            }
            #expect(limited.scrape("abc{x=\"y\"} 1\n") == ["error: \(error)"])
        }
    }

    @Test("bounds of buckets and quantiles are floats, whatever the format")
    func bounds() {
        var rig = Rig { $0.targetLabels = [:] }
        #expect(
            rig.scrape(
                "# TYPE h histogram\nh_bucket{le=\"1\"} 1\nh_bucket{le=\"+Inf\"} 1\n# TYPE s summary\ns{quantile=\"1\"} 1\nx{le=\"1\"} 1\n"
            )
                == [
                    #"h_bucket{le="1.0"} 1.0"#, #"h_bucket{le="+Inf"} 1.0"#, #"s{quantile="1.0"} 1.0"#,
                    #"x{le="1"} 1.0"#,
                ])
    }

    @Test("a family has the unit that its name ends with only where that is wanted", arguments: [true, false])
    func units(namesUnits: Bool) {
        var rig = Rig { $0.namesUnits = namesUnits }
        let page = "# TYPE a_seconds_total counter\na_seconds_total 1\n# TYPE b_bytes gauge\nb_bytes 1\nc 1\n"
        _ = rig.scrape(page)
        _ = rig.scrape(page)
        #expect(rig.cache.metadata.map(\.unit) == (namesUnits ? ["seconds", "bytes", ""] : ["", "", ""]))
    }

    @Test("_created tells when a counter began, and is a series only where that is wanted")
    func created() {
        let page = "# TYPE c counter\nc_total{a=\"b\"} 5\nc_created{a=\"b\"} 0.25\n# EOF\n"
        var rig = Rig { $0.targetLabels = [:] }
        #expect(
            rig.scrape(page, openMetrics: true) == [#"c_total{a="b"} 5.0 since 250"#, #"c_created{a="b"} 0.25"#])
        var own = Rig {
            $0.targetLabels = [:]
            $0.keepsCreatedSeries = false
        }
        #expect(own.scrape(page, openMetrics: true) == [#"c_total{a="b"} 5.0 since 250"#])
    }

    @Test("an exemplar goes out once for as long as the page shows it, whether it has a time or not")
    func exemplars() throws {
        var rig = Rig()
        func page(_ first: String, _ second: String) -> String {
            "# TYPE c counter\nc_total{i=\"1\"} 1\(first)\nc_total{i=\"2\"} 1\(second)\n# EOF\n"
        }
        #expect(
            try rig.exemplars(page(" # {t=\"a\"} 1", " # {t=\"a\"} 2 0.5")) == [
                "c_total{t=\"a\"} 1.0 @1000", "c_total{t=\"a\"} 2.0 @500",
            ])
        #expect(try rig.exemplars(page(" # {t=\"a\"} 1", " # {t=\"a\"} 2 0.5")) == [])
        #expect(
            try rig.exemplars(page(" # {t=\"b\"} 1", " # {t=\"a\"} 2 0.75")) == [
                "c_total{t=\"b\"} 1.0 @3000", "c_total{t=\"a\"} 2.0 @750",
            ])
        #expect(try rig.exemplars(page("", " # {t=\"a\"} 3 0.75")) == ["c_total{t=\"a\"} 3.0 @750"])
        #expect(try rig.exemplars(page(" # {t=\"b\"} 1", " # {t=\"a\"} 3 0.75")) == [])
    }

    @Test("series that come and go are forgotten, and others stay the same objects")
    func memory() throws {
        var rig = Rig()
        for round in 0..<50 {
            var page = "steady 1\n"
            for index in 0..<100 { page += "a{x=\"\(round)-\(index)\"} 1\n" }
            // After the first round as many markers.
            #expect(rig.scrape(page).count == (round == 0 ? 101 : 201))
        }
        #expect(rig.cache.count < 600)
    }

    @Test("a name in the labels and a label twice are no series")
    func nameTwice() {
        var rig = Rig()
        #expect(rig.scrape("a{x=\"1\",x=\"1\"} 1\n") == ["error: invalid label names of a, or one of them twice"])
        #expect(rig.scrape("a{__name__=\"b\"} 1\n") == ["error: invalid label names of a, or one of them twice"])
    }
}
