import Bytes
import CLinux
import Telemetry

/// uname(2).
struct UnameCollector: Collector {
    static let description = CollectorDescription("uname", "Kernel, machine and names of the host.") {
        UnameCollector($0)
    }

    /// In their order, and which of the system call's fields they are.
    private static let labels: [(StaticString, Int)] = [
        ("domainname", 5), ("machine", 4), ("nodename", 1), ("release", 2), ("sysname", 0), ("version", 3),
    ]

    init(_ context: CollectorContext) {}

    mutating func collect(into batch: inout SampleBatch, reader: inout HostReader) throws {
        try reader.load("uname", room: 512) { Int(clinux_uname($0.baseAddress, $0.count)) }
        let family = batch.family("node_uname_info", .gauge, "What uname says; always 1.")
        batch.startLabels()
        for (label, index) in Self.labels {
            batch.label(label, Self.field(index, of: reader.text))
        }
        batch.sample(family, batch.endLabels(), 1)
    }

    /// Fields end with a zero byte.
    @_lifetime(copy text)
    private static func field(_ index: Int, of text: RawSpan) -> RawSpan {
        var start = 0
        for _ in 0..<index { start = (text.firstIndex(of: 0, from: start) ?? text.byteCount - 1) + 1 }
        return text.slice(start, text.firstIndex(of: 0, from: start) ?? text.byteCount)
    }
}
