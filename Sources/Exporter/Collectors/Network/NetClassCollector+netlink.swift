import Bytes
import Glibc
import Telemetry

/// The network devices as netlink tells of them, and the few of their files that are read besides.
final class NetClassLinks {
    let socket = NetlinkSocket(.route)
    let files: LinkFiles
    private let directory: HostDirectory
    private var isChecked = false
    /// Devices of sysfs that are looked at to see whose network it is.
    private static let sample = 256

    /// - Parameter directory: `/sys/class/net`.
    init(_ directory: String) {
        files = LinkFiles(directory)
        self.directory = HostDirectory(directory)
    }

    /// Begins a dump of all devices.
    func request() throws(HostFileError) {
        var body = ByteBuffer(capacity: 24)
        LinkMessage.request(into: &body)
        try socket.request(18, body)
    }

    /// Whether sysfs is of the network that netlink speaks of: in a container it may be the host's, while the network is not.
    /// Looked at once. Where netlink cannot be asked at all, it is none.
    func isOfSysfs(_ reader: inout HostReader) throws -> Bool {
        if isChecked { return true }
        isChecked = true
        try directory.refresh()
        var known: [[UInt8]: Int32] = [:]
        do {
            try request()
            while try socket.receive(&reader) {
                var messages = NetlinkCursor(reader.text, sequence: socket.sequence)
                while messages.next() {
                    guard let link = LinkMessage(messages.payload) else { continue }
                    known[[UInt8](link.text(.name))] = link.index
                }
                try socket.end(isDone: messages.isDone, code: messages.code)
            }
        } catch {
            return false
        }
        var same = 0
        let names = directory.names.prefix(Self.sample)
        for name in names {
            let index = reader.number("\(directory.path)/\(name)/ifindex")
            if let index, known[Array(name.utf8)] == Int32(exactly: index) { same += 1 }
        }
        // Devices come and go between the two looks, and a file stands among them (bonding_masters).
        return same * 2 >= max(names.count, min(known.count, Self.sample))
    }
}

extension NetClassCollector {
    mutating func collect(
        from links: NetClassLinks, into batch: inout SampleBatch, reader: inout HostReader
    ) throws {
        let families = Families(&batch)
        let numbers = Self.attributes.map { batch.family($0.family, $0.type, $0.help) }
        let now = Timestamp.monotonic
        links.files.begin()
        try links.request()
        while try links.socket.receive(&reader) {
            var messages = NetlinkCursor(reader.text, sequence: links.socket.sequence)
            while messages.next() {
                guard let link = LinkMessage(messages.payload), ignored.allows(link.text(.name)) else { continue }
                // The cap counts what is left out, and nothing need be read for that.
                if batch.isFull {
                    for _ in 0..<numbers.count { batch.sample(families.up, .none, 0) }
                    continue
                }
                let device = links.files.device(link, at: now)
                write(link, device, numbers, families, into: &batch)
            }
            try links.socket.end(isDone: messages.isDone, code: messages.code)
        }
        links.files.end()
    }

    private func write(
        _ link: borrowing LinkMessage, _ device: LinkFiles.Device, _ numbers: [SampleBatch.FamilyID],
        _ families: Families, into batch: inout SampleBatch
    ) {
        let labels = batch.labels("device", link.text(.name))
        let flags = link.flags.map { Double($0) } ?? device[.flags]
        // In the order of `attributes`.
        for index in numbers.indices {
            let value: Double? =
                switch index {
                case 0: device[.addressAssignment]
                case 1: link.hasCarrier.map { $0 ? 1 : 0 }
                case 2: link.number(.carrierChanges).map { Double($0) }
                case 3: link.number(.carrierUpCount).map { Double($0) }
                case 4: link.number(.carrierDownCount).map { Double($0) }
                case 5: device[.deviceID]
                case 6: link.isDormant.map { $0 ? 1 : 0 }
                case 7: flags
                case 8: Double(link.index)
                case 9: Double(link.underlying)
                case 10: link.number(.linkMode).map { Double($0) }
                case 11: link.number(.mtu).map { Double($0) }
                case 12: device[.nameAssignment]
                case 13: link.number(.group).map { Double($0) }
                case 14: link.number(.queueLength).map { Double($0) }
                default: Double(link.kind)
                }
            if let value { batch.sample(numbers[index], labels, value) }
        }
        if let megabits = device[.speed], megabits >= 0 || !ignoresInvalidSpeed {
            batch.sample(families.speed, labels, megabits * 1e6 / 8)
        }
        let state = link.operationalState
        batch.startLabels()
        batch.label("address", hardwareAddress: link.value(.address))
        batch.label(
            "adminstate", flags.map { UInt32(exactly: $0) ?? 0 }.map { $0 & 1 == 1 ? "up" : "down" } ?? "unknown")
        batch.label("broadcast", hardwareAddress: link.value(.broadcast))
        batch.label("device", link.text(.name))
        batch.label("duplex", device.duplex)
        batch.label("ifalias", link.text(.alias))
        batch.label("operstate", state)
        batch.sample(families.info, batch.endLabels(), 1)
        batch.sample(families.up, labels, link.number(.operationalState) == 6 ? 1 : 0)
    }
}

extension SampleBatch {
    /// A label with an address as sysfs writes it: `02:fc:00:00:00:01`.
    fileprivate mutating func label(_ name: StaticString, hardwareAddress address: RawSpan) {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 3 * 32) { text in
            let digits: StaticString = "0123456789abcdef"
            let count = min(address.byteCount, 32)
            for place in 0..<count {
                let byte = Int(address.byte(at: place))
                digits.withUTF8Buffer { digits in
                    text[place * 3] = digits[byte >> 4]
                    text[place * 3 + 1] = digits[byte & 15]
                    text[place * 3 + 2] = 0x3a
                }
            }
            label(name, UnsafeBufferPointer(text).span.bytes.extracting(0..<max(0, count * 3 - 1)))
        }
    }
}
