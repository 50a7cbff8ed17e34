import Bytes
import Synchronization
import Telemetry

/// What is scraped and how that goes: the answers of Prometheus's `/api/v1/targets` and `/api/v1/targets/metadata`.
package struct TargetsReport: Sendable {
    package enum Health: String, Sendable {
        case up, down, unknown
    }

    /// A target that is scraped.
    package struct Active: Sendable {
        package var discovered: LabelSet
        package var labels: LabelSet
        package var pool: String
        package var url: String
        /// Empty for none.
        package var lastError = ""
        /// Nil before the first.
        package var lastScrape: Timestamp?
        /// Seconds.
        package var lastDuration = 0.0
        package var health = Health.unknown
        /// Seconds.
        package var interval: Double
        package var timeout: Double
        package var metadata: [MetricMetadata] = []

        package init(
            discovered: LabelSet, labels: LabelSet, pool: String, url: String, interval: Double, timeout: Double
        ) {
            self.discovered = discovered
            self.labels = labels
            self.pool = pool
            self.url = url
            self.interval = interval
            self.timeout = timeout
        }

        init(_ target: ScrapeTarget) {
            let resolved = target.resolved
            self.init(
                discovered: resolved.discovered, labels: resolved.labels, pool: target.rules.job.jobName,
                url: resolved.url, interval: resolved.interval, timeout: resolved.timeout)
            let status = target.status.withLock { $0 }
            lastError = status.lastError
            lastScrape = status.lastScrape
            lastDuration = status.lastDuration
            metadata = status.metadata
            if status.lastScrape != nil { health = status.lastError.isEmpty ? .up : .down }
        }
    }

    /// A target that relabelling drops or that cannot be scraped.
    package struct Dropped: Sendable {
        package var discovered: LabelSet
        package var pool: String

        package init(discovered: LabelSet, pool: String) {
            self.discovered = discovered
            self.pool = pool
        }
    }

    /// Which targets are asked for.
    package enum Selection: String, Sendable {
        case any, active, dropped
    }

    package var active: [Active]
    package var dropped: [Dropped]
    /// Of each job, how many were dropped; `dropped` may have fewer.
    package var droppedCounts: [(pool: String, count: Int)]

    package init(active: [Active], dropped: [Dropped] = [], droppedCounts: [(pool: String, count: Int)] = []) {
        self.active = active
        self.dropped = dropped
        self.droppedCounts = droppedCounts
    }

    /// Writes the answer of `/api/v1/targets`; `pool` is one job's name or nil for all.
    package func write(_ selection: Selection, pool: String? = nil, into json: inout JSONWriter) {
        Self.success(into: &json) { json in
            json.beginObject()
            json.key("activeTargets")
            json.beginArray()
            if selection != .dropped {
                for target in active where pool == nil || pool == target.pool { Self.write(target, into: &json) }
            }
            json.endArray()
            json.key("droppedTargets")
            json.beginArray()
            if selection != .active {
                for target in dropped where pool == nil || pool == target.pool {
                    json.beginObject()
                    json.key("discoveredLabels")
                    Self.write(target.discovered, into: &json)
                    json.key("scrapePool")
                    json.string(target.pool)
                    json.endObject()
                }
            }
            json.endArray()
            json.key("droppedTargetCounts")
            json.beginObject()
            if selection != .active {
                for (name, count) in droppedCounts where pool == nil || pool == name {
                    json.key(name)
                    json.integer(count)
                }
            }
            json.endObject()
            json.endObject()
        }
    }

    /// Writes the answer of `/api/v1/targets/metadata`: what is known about `metric` (or all metrics) of the targets that
    /// `matches` takes, at most `limit` entries.
    package func writeMetadata(
        metric: String? = nil, limit: Int? = nil, matching matches: (LabelSet) -> Bool = { _ in true },
        into json: inout JSONWriter
    ) {
        Self.success(into: &json) { json in
            json.beginArray()
            var left = limit ?? .max
            for target in active where matches(target.labels) {
                for entry in target.metadata where left > 0 && (metric == nil || metric == entry.name) {
                    left -= 1
                    json.beginObject()
                    json.key("target")
                    Self.write(target.labels, into: &json)
                    if metric == nil {
                        json.key("metric")
                        json.string(entry.name)
                    }
                    json.key("type")
                    json.string(entry.type == .untyped ? "unknown" : entry.type.rawValue)
                    json.key("help")
                    json.string(entry.help)
                    json.key("unit")
                    json.string(entry.unit)
                    json.endObject()
                }
            }
            json.endArray()
        }
    }

    /// Writes the answer of `/api/v1/scrape_pools`: the jobs' names.
    package func writePools(into json: inout JSONWriter) {
        let names = Set(active.map(\.pool) + dropped.map(\.pool) + droppedCounts.map(\.pool))
        Self.success(into: &json) { json in
            json.beginObject()
            json.key("scrapePools")
            json.beginArray()
            for name in names.sorted(by: { $0.utf8.lexicographicallyPrecedes($1.utf8) }) { json.string(name) }
            json.endArray()
            json.endObject()
        }
    }

    private static func success(into json: inout JSONWriter, _ data: (inout JSONWriter) -> Void) {
        json.beginObject()
        json.key("status")
        json.string("success")
        json.key("data")
        data(&json)
        json.endObject()
    }

    private static func write(_ target: Active, into json: inout JSONWriter) {
        json.beginObject()
        json.key("discoveredLabels")
        write(target.discovered, into: &json)
        json.key("labels")
        write(target.labels, into: &json)
        for (name, value) in [
            ("scrapePool", target.pool), ("scrapeUrl", target.url), ("globalUrl", target.url),
            ("lastError", target.lastError),
            // Go's zero time.
            ("lastScrape", target.lastScrape.map(Self.text) ?? "0001-01-01T00:00:00Z"),
        ] {
            json.key(name)
            json.string(value)
        }
        json.key("lastScrapeDuration")
        json.number(target.lastDuration)
        for (name, value) in [
            ("health", target.health.rawValue), ("scrapeInterval", TargetLabels.duration(target.interval)),
            ("scrapeTimeout", TargetLabels.duration(target.timeout)),
        ] {
            json.key(name)
            json.string(value)
        }
        json.endObject()
    }

    private static func text(_ time: Timestamp) -> String {
        var buffer = ByteBuffer()
        RFC3339.append(time.nanoseconds, to: &buffer)
        return String(lossy: buffer.bytes)
    }

    private static func write(_ labels: LabelSet, into json: inout JSONWriter) {
        json.beginObject()
        for label in labels.labels {
            json.key(label.name)
            json.string(label.value)
        }
        json.endObject()
    }
}
