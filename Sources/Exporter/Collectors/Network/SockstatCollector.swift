import Bytes
import Glibc
import Telemetry

/// `/proc/net/sockstat` and `sockstat6`: a protocol on each line, then names and numbers in turn.
struct SockstatCollector: Collector {
    static let description = CollectorDescription("sockstat", "Sockets by protocol and state.") {
        SockstatCollector($0)
    }

    private static let states: [StaticString] = ["inuse", "orphan", "tw", "alloc", "mem", "memory"]

    private let files: [HostFile]
    private let pageSize = Double(sysconf(Int32(_SC_PAGESIZE)))

    init(_ context: CollectorContext) {
        files = ["net/sockstat", "net/sockstat6"].map { HostFile(context.paths.proc($0), .one) }
    }

    mutating func collect(into batch: inout SampleBatch, reader: inout HostReader) throws {
        for file in files where try reader.loadIfPresent(file) {
            var unreadable = 0
            var lines = LineCursor(reader.text)
            while lines.next() {
                if !write(lines.line, into: &batch) { unreadable += 1 }
            }
            if unreadable > 0 { reader.odd("\(file.path): \(unreadable) lines cannot be read") }
        }
    }

    private func write(_ line: RawSpan, into batch: inout SampleBatch) -> Bool {
        var fields = FieldCursor(line)
        guard fields.next() else { return true }
        let head = fields.field
        guard head.byteCount > 1, head.byte(at: head.byteCount - 1) == 0x3a else { return false }
        let kind = head.slice(0, head.byteCount - 1)
        guard kind.isNamePart else { return false }
        let isTotal = kind.equals("sockets" as StaticString)
        while fields.next() {
            let state = fields.field
            guard let value = fields.nextNumber() else { return false }
            if isTotal, state.equals("used" as StaticString) {
                batch.sample("node_sockstat_sockets_used", .gauge, "Sockets of all kinds in use.", value)
                continue
            }
            for known in Self.states where state.equals(known) {
                write(kind, known, "", value, into: &batch)
                // Counted in pages.
                if state.equals("mem" as StaticString) { write(kind, known, "_bytes", value * pageSize, into: &batch) }
            }
        }
        return true
    }

    private func write(
        _ kind: RawSpan, _ state: StaticString, _ unit: StaticString, _ value: Double, into batch: inout SampleBatch
    ) {
        let family = batch.family(.gauge, help: "Sockets of a protocol in a state, or the memory they take.") { text in
            text.append("node_sockstat_" as StaticString)
            text.append(kind)
            text.append(0x5f)
            text.append(state)
            text.append(unit)
        }
        batch.sample(family, .none, value)
    }
}
