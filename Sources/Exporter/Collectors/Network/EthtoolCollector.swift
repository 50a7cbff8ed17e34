import Bytes
import CLinux
import Glibc
import Telemetry

/// What the drivers of network devices say, by ioctl (SIOCETHTOOL): counters, driver, what the link could do.
struct EthtoolCollector: Collector {
    static let description = CollectorDescription(
        "ethtool", "Counters and settings of network drivers.", isEnabledByDefault: false,
        options: [
            CollectorOption("device_include", .pattern, "Devices to report."),
            CollectorOption("device_exclude", .pattern, "Devices to leave out."),
            CollectorOption("metrics_include", .pattern, default: ".*", "The driver's counters to report."),
        ]
    ) { try EthtoolCollector($0) }

    private let directory: HostDirectory
    private let filter: NameFilter
    private let counters: NameFilter

    init(_ context: CollectorContext) throws {
        directory = HostDirectory(context.paths.sys("class/net"))
        filter = try context.options.filter("device")
        counters = NameFilter(include: try context.options.pattern("metrics_include"), exclude: nil)
    }

    mutating func collect(into batch: inout SampleBatch, reader: inout HostReader) throws {
        try directory.refresh()
        let info = batch.family("node_ethtool_info", .gauge, "A device's driver; always 1.")
        let link = EthtoolLink.Families(&batch)
        for device in directory.names where filter.allows(device) {
            if batch.isFull {
                reader.odd("\(directory.path): more samples than may be written before \(device)")
                break
            }
            var settings = clinux_ethtool_link()
            if clinux_ethtool_settings(device, &settings) == 0 {
                EthtoolLink(settings).write(device, link, into: &batch)
            }
            if Self.load(.driver, of: device, into: &reader) {
                Self.writeDriver(reader.text, device, info, into: &batch)
            }
            if Self.load(.counters, of: device, into: &reader) {
                writeCounters(reader.text, device, into: &batch)
            }
        }
    }

    private enum Question {
        case driver, counters
    }

    /// Most devices have some of it only.
    private static func load(_ question: Question, of device: String, into reader: inout HostReader) -> Bool {
        do throws(HostFileError) {
            switch question {
            case .driver:
                try reader.load("ethtool driver", room: 4096) {
                    clinux_ethtool_driver(device, $0.baseAddress, $0.count)
                }
            case .counters:
                try reader.load("ethtool counters", room: 1 << 20) {
                    clinux_ethtool_counters(device, $0.baseAddress, $0.count)
                }
            }
            return true
        } catch {
            if error.code != EOPNOTSUPP, !error.isAbsent { reader.odd("\(device): \(error)") }
            return false
        }
    }

    /// Driver, version, firmware, bus and ROM, each ended by a zero.
    private static func writeDriver(
        _ text: RawSpan, _ device: String, _ family: SampleBatch.FamilyID, into batch: inout SampleBatch
    ) {
        var ends = InlineArray<6, Int>(repeating: -1)
        for index in 1..<6 { ends[index] = text.firstIndex(of: 0, from: ends[index - 1] + 1) ?? text.byteCount }
        batch.startLabels()
        batch.label("bus_info", text.slice(ends[3] + 1, ends[4]))
        batch.label("device", device)
        batch.label("driver", text.slice(ends[0] + 1, ends[1]))
        batch.label("expansion_rom_version", text.slice(ends[4] + 1, ends[5]))
        batch.label("firmware_version", text.slice(ends[2] + 1, ends[3]))
        batch.label("version", text.slice(ends[1] + 1, ends[2]))
        batch.sample(family, batch.endLabels(), 1)
    }

    /// For each counter its name, padded with zeros to 32 bytes, and 8 bytes of value.
    private func writeCounters(_ text: RawSpan, _ device: String, into batch: inout SampleBatch) {
        var name = ByteBuffer(capacity: 64)
        var seen: Set<UInt64> = []
        let labels = batch.labels("device", device)
        var offset = 0
        while let value = text.load(littleEndian: offset + 32, as: UInt64.self) {
            let padded = text.slice(offset, offset + 32)
            offset += 40
            EthtoolName.sanitize(padded.slice(0, padded.firstIndex(of: 0) ?? 32), into: &name)
            let plain = name.bytes
            guard plain.byteCount > 0, counters.allows(plain) else { continue }
            let family = batch.family(.untyped, help: "A counter of a network driver.") { text in
                text.append("node_ethtool_" as StaticString)
                EthtoolName.append(plain, to: &text)
            }
            // Drivers have names that differ only in what a metric's name cannot have.
            guard seen.insert(batch.bytes(batch.families[Int(family.index)].name).fnv1a).inserted else { continue }
            batch.sample(family, labels, Double(value))
        }
    }
}

/// Names of metrics from names of drivers' counters.
enum EthtoolName {
    /// What no metric's name can have becomes `_`.
    static func sanitize(_ name: RawSpan, into buffer: inout ByteBuffer) {
        buffer.removeAll()
        for offset in 0..<name.byteCount {
            let byte = name.byte(at: offset)
            switch byte {
            case 0x30...0x39, 0x41...0x5a, 0x61...0x7a: buffer.append(byte)
            default: buffer.append(0x5f)
            }
        }
    }

    /// Appends a sanitised name in lower case, without `_` at its beginning, with `rx` and `tx` spelled out; a few that
    /// most drivers have get the names that other collectors use.
    static func append(_ name: RawSpan, to text: inout ByteBuffer) {
        for (key, common) in Self.common where name.equals(key) {
            text.append(common)
            return
        }
        var start = 0
        while start < name.byteCount, name.byte(at: start) == 0x5f { start += 1 }
        var isFirst = true
        var isBehindReceived = false
        var isBehindTransmitted = false
        while start <= name.byteCount {
            let end = name.firstIndex(of: 0x5f, from: start) ?? name.byteCount
            if !isFirst { text.append(0x5f) }
            isFirst = false
            let word = name.slice(start, end)
            // Of two in a row only the first: virtio's tx_tx_timeouts has always been transmitted_tx_timeouts.
            isBehindReceived = word.equalsIgnoringCase("rx") && !isBehindReceived
            isBehindTransmitted = word.equalsIgnoringCase("tx") && !isBehindTransmitted
            if isBehindReceived {
                text.append("received" as StaticString)
            } else if isBehindTransmitted {
                text.append("transmitted" as StaticString)
            } else {
                for offset in 0..<word.byteCount {
                    let byte = word.byte(at: offset)
                    text.append((0x41...0x5a).contains(byte) ? byte | 0x20 : byte)
                }
            }
            start = end + 1
        }
    }

    private static let common: [(StaticString, StaticString)] = [
        ("rx_bytes", "received_bytes_total"), ("rx_dropped", "received_dropped_total"),
        ("rx_errors", "received_errors_total"), ("rx_packets", "received_packets_total"),
        ("tx_bytes", "transmitted_bytes_total"), ("tx_errors", "transmitted_errors_total"),
        ("tx_packets", "transmitted_packets_total"),
    ]
}
