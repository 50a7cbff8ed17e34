import Bytes
import Telemetry

/// `/sys/class/fc_host` (kernel, ABI/stable/sysfs-transport-fc and drivers/scsi/scsi_transport_fc.c).
struct FibreChannelCollector: Collector {
    static let description = CollectorDescription("fibrechannel", "Fibre Channel adapters.") {
        FibreChannelCollector($0)
    }

    /// Of the sample that names an adapter, in the order of labels; `fc_host` stands third. Names are hexadecimal.
    private static let texts: [(file: StaticString, isHexadecimal: Bool)] = [
        ("dev_loss_tmo", false), ("fabric_name", true), ("port_id", true), ("port_name", true), ("port_state", false),
        ("port_type", false), ("speed", false), ("supported_classes", false), ("supported_speeds", false),
        ("symbolic_name", false),
    ]

    private static let attributes = [
        counter("dumped_frames", "dumped_frames", "Frames thrown away for lack of room."),
        counter("error_frames", "error_frames", "Frames received that were thrown away."),
        counter("fcp_packet_aborts", "fcp_packet_aborts", "Packets that were aborted."),
        counter("invalid_crc_count", "invalid_crc", "Frames received with a wrong checksum."),
        counter("invalid_tx_word_count", "invalid_tx_words", "Words received that are none."),
        counter("link_failure_count", "link_failure", "Failures of the link."),
        counter("loss_of_signal_count", "loss_of_signal", "Times that the signal was lost."),
        counter("loss_of_sync_count", "loss_of_sync", "Times that synchronisation was lost."),
        counter("nos_count", "nos", "Notices received that the other side is not operational."),
        counter("rx_frames", "rx_frames", "Frames received."),
        counter("rx_words", "rx_words", "Words received."),
        counter("seconds_since_last_reset", "seconds_since_last_reset", "Seconds since the adapter was reset."),
        counter("tx_frames", "tx_frames", "Frames sent."),
        counter("tx_words", "tx_words", "Words sent."),
    ]

    private static func counter(_ file: String, _ name: String, _ help: String) -> Counter {
        Counter(file: "statistics/\(file)", family: "node_fibrechannel_\(name)_total", help: help)
    }

    private struct Counter {
        var file: String
        var family: String
        var help: String
    }

    private struct Adapter {
        var name: String
        var texts: [String]
        var counters: [String]
    }

    private let adapters: DeviceList<Adapter>

    init(_ context: CollectorContext) {
        adapters = DeviceList(context.paths.sys("class/fc_host")) { name, path in
            Adapter(
                name: name, texts: Self.texts.map { "\(path)/\($0.file)" },
                counters: Self.attributes.map { "\(path)/\($0.file)" })
        }
    }

    mutating func collect(into batch: inout SampleBatch, reader: inout HostReader) throws {
        try adapters.refresh()
        let info = batch.family("node_fibrechannel_info", .gauge, "What an adapter is; always 1.")
        for adapter in adapters.devices {
            batch.startLabels()
            for (place, path) in adapter.texts.enumerated() {
                if place == 2 { batch.label("fc_host", adapter.name) }
                let (name, isHexadecimal) = Self.texts[place]
                if !reader.loadAttribute(path) {
                    batch.label(name, "" as StaticString)
                } else if isHexadecimal, reader.text.hasPrefix("0x" as StaticString) {
                    batch.label(name, repairing: reader.text.extracting(2..<reader.text.byteCount))
                } else {
                    batch.label(name, repairing: reader.text)
                }
            }
            batch.sample(info, batch.endLabels(), 1)
            let labels = batch.labels("fc_host", adapter.name)
            for (counter, path) in zip(Self.attributes, adapter.counters) where reader.loadAttribute(path) {
                guard let value = reader.text.hexadecimal else {
                    reader.odd("\(path): expected a hexadecimal number")
                    continue
                }
                // All ones for what the adapter does not count.
                guard value != .max else { continue }
                batch.sample(batch.family(counter.family, .counter, counter.help), labels, Double(value))
            }
        }
    }
}
