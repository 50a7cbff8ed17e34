import Bytes
import Telemetry

/// `/sys/fs/bcache` (kernel, admin-guide/bcache).
struct BcacheCollector: Collector {
    static let description = CollectorDescription(
        "bcache", "Caches on fast devices in front of slow ones.",
        options: [
            CollectorOption(
                "priority_stats", .bool, default: "false",
                "How much of each cache is unused and how much is metadata: costly for the kernel.")
        ]
    ) { BcacheCollector($0) }

    /// A file with one number, or a line of a file that is called `word` there.
    private struct Value {
        var file: String
        var word: StaticString = ""
        var family: StaticString
        var help: StaticString
        var type = MetricType.gauge
        var divisor = 1.0
        var isLeftOutWhenZero = false
    }

    private static let setValues = [
        Value(
            file: "average_key_size", family: "node_bcache_average_key_size_sectors", help: "Sectors for each key."),
        Value(
            file: "btree_cache_size", family: "node_bcache_btree_cache_size_bytes",
            help: "Bytes of memory for the tree."),
        Value(
            file: "cache_available_percent", family: "node_bcache_cache_available_percent",
            help: "Part of the cache without dirty data, in percent."),
        Value(file: "congested", family: "node_bcache_congested", help: "How congested the cache is."),
        Value(
            file: "root_usage_percent", family: "node_bcache_root_usage_percent",
            help: "Part of the tree's root in use, in percent."),
        Value(file: "tree_depth", family: "node_bcache_tree_depth", help: "Depth of the tree."),
        Value(
            file: "internal/active_journal_entries", family: "node_bcache_active_journal_entries",
            help: "Entries of the journal that are newer than the index."),
        Value(file: "internal/btree_nodes", family: "node_bcache_btree_nodes", help: "Nodes of the tree."),
        // It is called microseconds and counts nanoseconds.
        Value(
            file: "internal/btree_read_average_duration_us", family: "node_bcache_btree_read_average_duration_seconds",
            help: "Seconds that a read of the tree takes.", divisor: 1e9),
        Value(
            file: "internal/cache_read_races", family: "node_bcache_cache_read_races_total",
            help: "Reads from the cache that were overtaken by its reuse.", type: .counter),
    ]

    private static let backingValues = [
        Value(file: "dirty_data", family: "node_bcache_dirty_data_bytes", help: "Bytes not yet written back."),
        debug("target:", "node_bcache_dirty_target_bytes", "Bytes that may wait to be written back."),
        debug("rate:", "node_bcache_writeback_rate", "Bytes written back a second."),
        debug(
            "proportional:", "node_bcache_writeback_rate_proportional_term", "The controller's proportional term."),
        debug("integral:", "node_bcache_writeback_rate_integral_term", "The controller's integral term."),
        debug("change:", "node_bcache_writeback_change", "Last change of the rate of writing back."),
        total("bypassed", "node_bcache_bypassed_bytes_total", "Bytes that went past the cache."),
        total("cache_hits", "node_bcache_cache_hits_total", "Requests that the cache answered."),
        total("cache_misses", "node_bcache_cache_misses_total", "Requests that the cache could not answer."),
        total("cache_bypass_hits", "node_bcache_cache_bypass_hits_total", "Requests past the cache that it had."),
        total(
            "cache_bypass_misses", "node_bcache_cache_bypass_misses_total", "Requests past the cache that it lacked."),
        total(
            "cache_miss_collisions", "node_bcache_cache_miss_collisions_total",
            "Data that came into the cache while it was being fetched."),
        total(
            "cache_readaheads", "node_bcache_cache_readaheads_total", "Times that more was read than asked for.",
            isLeftOutWhenZero: true),
    ]

    private static let cacheValues = [
        Value(file: "io_errors", family: "node_bcache_io_errors", help: "Errors of a cache device, decaying."),
        Value(
            file: "metadata_written", family: "node_bcache_metadata_written_bytes_total",
            help: "Bytes of metadata written.", type: .counter),
        Value(
            file: "written", family: "node_bcache_written_bytes_total", help: "Bytes of data written.", type: .counter),
    ]

    private static let priorityValues = [
        Value(
            file: "priority_stats", word: "Unused:", family: "node_bcache_priority_stats_unused_percent",
            help: "Part of a cache device that is unused, in percent."),
        Value(
            file: "priority_stats", word: "Metadata:", family: "node_bcache_priority_stats_metadata_percent",
            help: "Part of a cache device that is metadata, in percent."),
    ]

    private static func debug(_ word: StaticString, _ family: StaticString, _ help: StaticString) -> Value {
        Value(file: "writeback_rate_debug", word: word, family: family, help: help)
    }

    private static func total(
        _ file: String, _ family: StaticString, _ help: StaticString, isLeftOutWhenZero: Bool = false
    ) -> Value {
        Value(
            file: "stats_total/\(file)", family: family, help: help, type: .counter,
            isLeftOutWhenZero: isLeftOutWhenZero)
    }

    private struct Member {
        var name: String
        var isBacking: Bool
        var paths: [String]
    }

    private final class CacheSet {
        let uuid: String
        let paths: [String]
        let members: DeviceList<Member>

        init(uuid: String, path: String, cacheValues: [Value]) {
            self.uuid = uuid
            paths = BcacheCollector.setValues.map { "\(path)/\($0.file)" }
            members = DeviceList(path) { name, path in
                let isBacking = name.number(after: "bdev") != nil
                guard isBacking || name.number(after: "cache") != nil else { return nil }
                let values = isBacking ? BcacheCollector.backingValues : cacheValues
                return Member(name: name, isBacking: isBacking, paths: values.map { "\(path)/\($0.file)" })
            }
        }
    }

    private let sets: DeviceList<CacheSet>
    private let cacheValues: [Value]

    init(_ context: CollectorContext) {
        let cacheValues = Self.cacheValues + (context.options.bool("priority_stats") ? Self.priorityValues : [])
        self.cacheValues = cacheValues
        sets = DeviceList(context.paths.sys("fs/bcache")) { name, path in
            name.contains("-") ? CacheSet(uuid: name, path: path, cacheValues: cacheValues) : nil
        }
    }

    mutating func collect(into batch: inout SampleBatch, reader: inout HostReader) throws {
        // A host without such caches is no failure.
        guard try sets.refreshIfPresent() else { return }
        for set in sets.devices {
            write(Self.setValues, set.paths, batch.labels("uuid", set.uuid), into: &batch, &reader)
            guard try set.members.refreshIfPresent() else { continue }
            for member in set.members.devices {
                batch.startLabels()
                if member.isBacking {
                    batch.label("backing_device", member.name)
                } else {
                    batch.label("cache_device", member.name)
                }
                batch.label("uuid", set.uuid)
                let values = member.isBacking ? Self.backingValues : cacheValues
                write(values, member.paths, batch.endLabels(), into: &batch, &reader)
            }
        }
    }

    private func write(
        _ values: [Value], _ paths: [String], _ labels: SampleBatch.Labels, into batch: inout SampleBatch,
        _ reader: inout HostReader
    ) {
        for (value, path) in zip(values, paths) where reader.loadAttribute(path) {
            guard let number = Self.number(after: value.word, in: reader.text) else {
                reader.odd("\(path): expected a number")
                continue
            }
            if value.isLeftOutWhenZero, number == 0 { continue }
            batch.sample(
                batch.family(value.family, value.type, value.help), labels, number / value.divisor)
        }
    }

    /// The number behind `word` in its line; the only one where there is no word.
    private static func number(after word: StaticString, in text: RawSpan) -> Double? {
        if word.utf8CodeUnitCount == 0 { return number(text) }
        var lines = LineCursor(text)
        while lines.next() {
            if lines.line.hasPrefix(word) {
                return number(lines.line.extracting(word.utf8CodeUnitCount..<lines.line.byteCount).trimmed)
            }
        }
        return nil
    }

    /// `427.5k`, `-1.1M/sec`, `99%`: a number as bcache writes it, in powers of 1024. What stands behind the point are
    /// 1/1024 divided by 100 and cut, so a digit is worth 1/10.24.
    static func number(_ text: RawSpan) -> Double? {
        var end = text.firstIndex(of: 0x2f) ?? text.byteCount
        let start = end > 0 && text.byte(at: 0) == 0x2d ? 1 : 0
        guard end > start else { return nil }
        var unit = start == 1 ? -1.0 : 1.0
        let last = text.byte(at: end - 1)
        if last == 0x25 {
            end -= 1
        } else if let power = [UInt8]("kMGTPEZY".utf8).firstIndex(of: last) {
            for _ in 0...power { unit *= 1024 }
            end -= 1
        }
        guard end > start else { return nil }
        guard unit.magnitude > 1, let point = text.extracting(start..<end).firstIndex(of: 0x2e) else {
            return text.extracting(start..<end).number.map { ($0 * unit).rounded(.towardZero) }
        }
        guard let whole = text.extracting(start..<(start + point)).unsigned,
            let part = text.extracting((start + point + 1)..<end).unsigned
        else { return nil }
        return ((Double(whole) + Double(part) / 10.24) * unit).rounded(.towardZero)
    }
}
