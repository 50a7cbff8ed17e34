import Bytes

/// What the files of one cgroup say. Filled anew for each one, in the same memory.
struct CgroupUsage {
    /// By `ContainerValue`; NaN for what the kernel or the hierarchy does not have.
    private var values = [Double](repeating: .nan, count: ContainerValue.count)
    private(set) var devices: [DeviceUsage] = []
    /// What of `io.stat` or `blkio.*` was not as expected.
    var oddLines = 0

    /// What a cgroup has read from and written to a block device.
    struct DeviceUsage: Equatable {
        var major: UInt32
        var minor: UInt32
        var readBytes = 0.0
        var writtenBytes = 0.0
        var reads = 0.0
        var writes = 0.0
    }

    /// Devices of one cgroup that are taken.
    private static let mostDevices = 256

    init() {}

    /// Nil where there is none.
    subscript(value: ContainerValue) -> Double? {
        get { values[value.rawValue].isNaN ? nil : values[value.rawValue] }
        set { values[value.rawValue] = newValue ?? .nan }
    }

    /// Forgets all, keeping the memory.
    mutating func removeAll() {
        for index in values.indices { values[index] = .nan }
        devices.removeAll(keepingCapacity: true)
        oddLines = 0
    }

    /// Sets working set, which no file has: what is in use less the file pages that have not been used lately.
    mutating func deriveWorkingSet() {
        guard let memory = self[.memory] else { return }
        self[.workingSet] = max(0, memory - (self[.inactiveFile] ?? 0))
    }

    /// The place of a device in `devices`; nil beyond the cap.
    mutating func device(_ major: UInt32, _ minor: UInt32) -> Int? {
        if let index = devices.firstIndex(where: { $0.major == major && $0.minor == minor }) { return index }
        guard devices.count < Self.mostDevices else { return nil }
        devices.append(DeviceUsage(major: major, minor: minor))
        return devices.count - 1
    }

    mutating func change(_ index: Int, _ body: (inout DeviceUsage) -> Void) { body(&devices[index]) }

    /// A limit as cgroupfs writes it: 0 for none, which version 1 writes as the largest number of pages and version 2 as
    /// `max`.
    static func limit(_ text: RawSpan) -> Double? {
        let word = text.trimmed
        if word.equals("max" as StaticString) { return 0 }
        guard let value = word.unsigned else { return word.signed == -1 ? 0 : nil }
        return value >= 1 << 62 ? 0 : Double(value)
    }

    /// `MAJOR:MINOR`
    static func deviceNumber(_ text: RawSpan) -> (major: UInt32, minor: UInt32)? {
        guard let colon = text.firstIndex(of: 0x3a),
            let major = text.extracting(0..<colon).unsigned.flatMap({ UInt32(exactly: $0) }),
            let minor = text.extracting((colon + 1)..<text.byteCount).unsigned.flatMap({ UInt32(exactly: $0) })
        else { return nil }
        return (major, minor)
    }
}

/// Walks a file of lines `name value`, as most of cgroupfs is. Lines without a number are passed over.
struct FlatCursor: ~Escapable {
    private var lines: LineCursor
    private(set) var name: RawSpan
    private(set) var value: Double = 0

    @_lifetime(copy text)
    init(_ text: RawSpan) {
        lines = LineCursor(text)
        name = text
    }

    mutating func next() -> Bool {
        while lines.next() {
            var fields = FieldCursor(lines.line)
            guard fields.next() else { continue }
            let field = fields.field
            guard let number = fields.nextNumber() else { continue }
            name = field
            value = number
            return true
        }
        return false
    }
}
