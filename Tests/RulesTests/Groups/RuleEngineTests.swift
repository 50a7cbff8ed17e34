import Rules
import Synchronization
import Telemetry
import Testing

/// Rules over the agent's own store and PromQL, no part of either replaced.
@Suite("Rules, store and PromQL together")
struct RuleEngineTests {
    @Test("recorded series, ALERTS and their ends show to the rules after them and to queries")
    func together() throws {
        let store = try SeriesStore(configuration: SeriesStoreConfiguration(directory: nil), metrics: MetricRegistry())
        let alerts = AlertRecorder()
        let scratch = ScratchDirectory()
        let groups = RuleGroups(
            directory: scratch.path, language: .promQL(), source: store, output: store, alerts: alerts,
            metrics: MetricRegistry(), now: { 0 }, runsByItself: false)
        let yaml = """
            groups:
            - name: g
              interval: 30s
              rules:
              - {record: 'dev:read:rate1m', expr: 'sum by (dev) (rate(read_total[1m]))'}
              - alert: Busy
                expr: 'dev:read:rate1m > 50 and on (dev) writable == 1'
                for: 1m
                annotations: {text: '{{ $labels.dev }}: {{ printf "%.0f" $value }}{{ with $resolvedValue }} now {{ printf "%.0f" . }}{{ end }}'}
              - {record: busy, expr: 'count(ALERTS{alertname="Busy", alertstate="firing"}) or vector(0)'}
              - {alert: Gone, expr: 'absent(dev:read:rate1m)'}
            """
        let file = RuleFile(Array(yaml.utf8), path: "r.yaml", language: .promQL())
        try #require(file.problems.isEmpty, "\(file.problems)")
        groups.apply([file], RuleOptions())
        let metadata = MetricMetadata(name: "m")
        let reads = ["sda", "sdb"].map {
            Series(labels: ["__name__": "read_total", "dev": $0, "cpu": "0"], metadata: metadata)
        }
        let writable = ["sda", "sdb"].map { Series(labels: ["__name__": "writable", "dev": $0], metadata: metadata) }
        var total = 0.0
        let base: Int64 = 1_700_000_000_000
        var busy: [Double] = []
        for step in 0..<40 {
            let time = base + Int64(step) * 15_000
            total += (8..<24).contains(step) ? 1500 : 15
            var batch = SeriesBatch()
            if step < 34 {
                batch.samples.append(SeriesSample(series: reads[0], timestamp: time, value: total))
                batch.samples.append(SeriesSample(series: reads[1], timestamp: time, value: Double(step)))
                for series in writable { batch.samples.append(SeriesSample(series: series, timestamp: time, value: 1)) }
            } else if step == 34 {
                for series in reads + writable {
                    batch.samples.append(SeriesSample(series: series, timestamp: time, value: StaleMarker.value))
                }
            }
            store.append(batch)
            guard step % 2 == 1 else { continue }
            groups.evaluate(at: time)
            let query = try QueryEngine().prepare("busy")
            let result = try store.read { reader throws(QueryError) in try query.instant(at: time, in: reader) }
            if case .vector(let samples) = result.value { busy += samples.map(\.value) }
        }
        let report = groups.report.groups[0]
        #expect(report.rules.map(\.status.health) == [.ok, .ok, .ok, .ok], "\(report.rules.map(\.status.lastError))")
        #expect(busy.contains(1) && busy.first == 0 && busy.last == 0)
        let sent = alerts.notices.withLock { $0 }
        let firing = try #require(sent.first { $0.labels["alertname"] == "Busy" && $0.state == .firing })
        #expect(firing.labels["dev"] == "sda")
        #expect(firing.annotations["text"] == "sda: 100")
        let resolved = try #require(sent.first { $0.labels["alertname"] == "Busy" && $0.state == .resolved })
        #expect(resolved.annotations["text"]?.hasPrefix("sda: ") == true)
        #expect(resolved.annotations["text"]?.contains(" now ") == true)
        // The recorded series ended with its inputs, so that its absence shows at once.
        #expect(sent.contains { $0.labels["alertname"] == "Gone" && $0.state == .firing })
    }
}
