import Bytes
import CLinux
import Glibc
import Telemetry

/// What sysfs tells of network devices and netlink does not: how they came by address and name, and speed and duplex, which
/// a driver is asked for.
///
/// Of up to `mostKept` devices the files are kept open and read each time. Of more, a device is read when it is new, when
/// anything that netlink tells of it has changed, and every `age` seconds.
final class LinkFiles {
    /// One device.
    final class Device {
        let name: [UInt8]
        fileprivate(set) var values = InlineArray<6, Double>(repeating: .nan)
        fileprivate(set) var duplex: StaticString = ""
        fileprivate var descriptors = InlineArray<6, Int32>(repeating: -1)
        fileprivate var isOpen = false
        fileprivate var checksum: UInt32 = 0
        fileprivate var readAt = Timestamp(nanoseconds: 0)
        fileprivate var round = 0

        fileprivate init(_ name: RawSpan) { self.name = [UInt8](name) }
        deinit { closeAll() }

        fileprivate func isNamed(_ other: RawSpan) -> Bool {
            let name = name
            return name.span.bytes.equals(other)
        }

        fileprivate func closeAll() {
            for place in 0..<6 where descriptors[place] >= 0 {
                close(descriptors[place])
                descriptors[place] = -1
            }
            isOpen = false
        }

        /// The number in a file; nil where the device has none.
        subscript(file: File) -> Double? {
            let value = values[file.rawValue]
            return value.isNaN ? nil : value
        }
    }

    enum File: Int, CaseIterable {
        // The last is a word, all others are numbers.
        case addressAssignment, deviceID, nameAssignment, speed, flags, duplex

        var name: StaticString {
            switch self {
            case .addressAssignment: "addr_assign_type"
            case .deviceID: "dev_id"
            case .nameAssignment: "name_assign_type"
            case .speed: "speed"
            case .flags: "flags"
            case .duplex: "duplex"
            }
        }
    }

    private let directory: String
    private var devices: [Int32: Device] = [:]
    private var round = 0
    private var reading = AttributeReading()

    private static let mostKept = 32
    /// Seconds.
    private static let age = 60.0

    /// - Parameter directory: `/sys/class/net`.
    init(_ directory: String) { self.directory = directory }

    /// Begins a collection.
    func begin() { round += 1 }

    /// What sysfs has of the device that netlink speaks of.
    func device(_ link: borrowing LinkMessage, at now: Timestamp) -> Device {
        let name = link.text(.name)
        let checksum = link.checksum
        let device: Device
        if let known = devices[link.index], known.isNamed(name) {
            device = known
            let isDue = now.seconds(since: known.readAt) >= Self.age || known.checksum != checksum
            if devices.count <= Self.mostKept || isDue { read(known, now) }
        } else {
            device = Device(name)
            devices[link.index] = device
            read(device, now)
            // So that not all are due at once.
            device.readAt = now.adding(seconds: -Double(link.index.magnitude % 60))
        }
        device.checksum = checksum
        device.round = round
        return device
    }

    /// Ends a collection: what was not asked for is gone.
    func end() {
        guard devices.contains(where: { $0.value.round != round }) else { return }
        devices = devices.filter { $0.value.round == round }
    }

    private func read(_ device: Device, _ now: Timestamp) {
        device.readAt = now
        if !device.isOpen {
            guard let directory = OpenDirectory("\(directory)/\(String(decoding: device.name, as: UTF8.self))") else {
                return
            }
            for file in File.allCases { device.descriptors[file.rawValue] = directory.open(file.name) }
            device.isOpen = true
        }
        for place in 0..<File.duplex.rawValue { device.values[place] = reading.number(device.descriptors[place]) }
        device.duplex = reading.duplex(device.descriptors[File.duplex.rawValue])
        if devices.count > Self.mostKept { device.closeAll() }
    }
}

/// Reads attributes that are open.
private struct AttributeReading: ~Copyable {
    private var buffer = ByteBuffer()

    /// Not a number where there is none.
    mutating func number(_ descriptor: Int32) -> Double {
        load(descriptor) ? buffer.bytes.trimmed.attribute ?? .nan : .nan
    }

    /// The kernel has three words for it. Empty where it cannot be read.
    mutating func duplex(_ descriptor: Int32) -> StaticString {
        guard load(descriptor) else { return "" }
        let text = buffer.bytes.trimmed
        if text.equals("full" as StaticString) { return "full" }
        return text.equals("half" as StaticString) ? "half" : text.byteCount > 0 ? "unknown" : ""
    }

    private mutating func load(_ descriptor: Int32) -> Bool {
        buffer.removeAll()
        guard descriptor >= 0 else { return false }
        var isRead = false
        _ = buffer.appendUninitialized(atLeast: 64) { room -> Int in
            let got = pread(descriptor, room.baseAddress, room.count, 0)
            isRead = got >= 0
            return max(0, got)
        }
        return isRead
    }
}
