import Bytes
import Telemetry

/// The connection tracking table: `/proc/sys/net/netfilter` and `/proc/net/stat/nf_conntrack`, whose first line names
/// the columns, with a line of hexadecimal numbers for each CPU.
struct ConntrackCollector: Collector {
    static let description = CollectorDescription("conntrack", "The table of tracked connections.") {
        ConntrackCollector($0)
    }

    private static let columns: [(column: StaticString, family: StaticString, help: StaticString)] = [
        ("found", "node_nf_conntrack_stat_found", "Entries that were looked up and found."),
        ("invalid", "node_nf_conntrack_stat_invalid", "Packets that cannot be tracked."),
        ("ignore", "node_nf_conntrack_stat_ignore", "Packets that had an entry already."),
        ("insert", "node_nf_conntrack_stat_insert", "Entries put into the list."),
        ("insert_failed", "node_nf_conntrack_stat_insert_failed", "Entries that could not be put into the list."),
        ("drop", "node_nf_conntrack_stat_drop", "Packets dropped as they could not be tracked."),
        ("early_drop", "node_nf_conntrack_stat_early_drop", "Entries dropped to make room in a full table."),
        ("search_restart", "node_nf_conntrack_stat_search_restart", "Lookups begun again as the table was resized."),
    ]

    private let count: HostFile
    private let limit: HostFile
    private let statistics: HostFile

    init(_ context: CollectorContext) {
        count = HostFile(context.paths.proc("sys/net/netfilter/nf_conntrack_count"), .one)
        limit = HostFile(context.paths.proc("sys/net/netfilter/nf_conntrack_max"), .one)
        statistics = HostFile(context.paths.proc("net/stat/nf_conntrack"), .lines)
    }

    mutating func collect(into batch: inout SampleBatch, reader: inout HostReader) throws {
        batch.sample(
            "node_nf_conntrack_entries", .gauge, "Connections that are tracked.", try reader.wholeNumber(in: count))
        batch.sample(
            "node_nf_conntrack_entries_limit", .gauge, "Connections that can be tracked.",
            try reader.wholeNumber(in: limit))
        guard try reader.loadIfPresent(statistics) else { return }
        let unreadable = Self.writeSums(of: reader.text, into: &batch)
        if unreadable > 0 { reader.odd("\(statistics.path): \(unreadable) lines cannot be read") }
    }

    /// Returns how many lines could not be read.
    private static func writeSums(of text: RawSpan, into batch: inout SampleBatch) -> Int {
        var sums = InlineArray<8, Double>(repeating: 0)
        var isNamed = InlineArray<8, Bool>(repeating: false)
        var unreadable = 0
        var lines = LineCursor(text)
        guard lines.next() else { return 0 }
        let head = lines.line
        while lines.next() {
            var names = FieldCursor(head)
            var values = FieldCursor(lines.line)
            while names.next() {
                guard values.next(), let value = values.field.hexadecimal else {
                    unreadable += 1
                    break
                }
                for (index, column) in columns.enumerated() where names.field.equals(column.column) {
                    sums[index] += Double(value)
                    isNamed[index] = true
                }
            }
        }
        for (index, column) in columns.enumerated() where isNamed[index] {
            batch.sample(column.family, .gauge, column.help, sums[index])
        }
        return unreadable
    }
}
