/// What a disk says of its health. What it does not say is nil or empty.
struct SmartReading: Sendable, Equatable {
    enum Standard: String, Sendable {
        case ata, nvme, scsi
    }

    /// An attribute of ATA. Values count down from 253 at most to a threshold.
    struct Attribute: Sendable, Equatable {
        var id: UInt8
        var value: UInt8
        var worst: UInt8
        /// Nil where the disk has none for it.
        var threshold: UInt8?
        /// 48 bits, whose meaning is the maker's.
        var raw: UInt64
    }

    /// What a SCSI disk counts for a kind of command.
    struct ErrorCounts: Sendable, Equatable {
        /// `read`, `write`, `verify`.
        var operation: StaticText
        var corrected: UInt64?
        var uncorrected: UInt64?
        var processedBytes: UInt64?
    }

    /// What an NVMe controller counts and nothing else has.
    struct Wear: Sendable, Equatable {
        /// Bits of the critical warning, the lowest first as `SmartReading.warnings` names them.
        var warnings: UInt8
        /// Percent.
        var spare: UInt8
        var spareThreshold: UInt8
        /// Percent of the life the maker expects; it goes on above 100.
        var used: UInt8
        var readBytes: Double
        var writtenBytes: Double
        var mediaErrors: Double
        var unsafeShutdowns: Double
        var logEntries: Double
        /// Seconds above the temperature of warning, and above the critical one.
        var hotSeconds: Double
        var criticalSeconds: Double
    }

    static let warnings: [StaticString] = [
        "spare", "temperature", "reliability", "read_only", "volatile_memory_backup", "persistent_memory",
    ]

    var standard: Standard
    var model = ""
    var serial = ""
    var firmware = ""
    /// What the disk itself concludes.
    var isHealthy: Bool?
    var attributes: [Attribute] = []
    var errors: [ErrorCounts] = []
    var wear: Wear?
    /// Degrees Celsius.
    var temperature: Double?
    var powerOnSeconds: Double?
    var powerCycles: Double?

    init(_ standard: Standard) { self.standard = standard }
}

/// A literal that can be compared.
struct StaticText: Sendable, Equatable, ExpressibleByStringLiteral {
    let text: StaticString

    init(stringLiteral text: StaticString) { self.text = text }

    static func == (one: StaticText, other: StaticText) -> Bool { one.text.description == other.text.description }
}
