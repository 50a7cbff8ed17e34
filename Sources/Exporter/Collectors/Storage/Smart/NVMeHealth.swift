import Bytes

/// What NVMe controllers answer (NVM Express base specification: Get Log Page 02h, Identify with CNS 01h).
enum NVMeHealth {
    static let identifyLength = 4096
    static let logLength = 512
    /// Log 02h; the number of words to read, less one, stands above.
    static let logWord: UInt32 = 0x02 | UInt32(logLength / 4 - 1) << 16

    static func identify(_ data: RawSpan, into reading: inout SmartReading) {
        guard data.byteCount >= 72 else { return }
        reading.serial = String(lossy: data.extracting(4..<24).printable)
        reading.model = String(lossy: data.extracting(24..<64).printable)
        reading.firmware = String(lossy: data.extracting(64..<72).printable)
    }

    /// Takes the log in; false where it is too short.
    static func read(_ log: RawSpan, into reading: inout SmartReading) -> Bool {
        guard log.byteCount >= logLength, let kelvin = log.load(littleEndian: 1, as: UInt16.self),
            let hot = log.load(littleEndian: 192, as: UInt32.self),
            let critical = log.load(littleEndian: 196, as: UInt32.self)
        else { return false }
        // 0 is what controllers without a sensor say.
        if kelvin > 0 { reading.temperature = Double(kelvin) - 273 }
        reading.isHealthy = log.byte(at: 0) == 0
        reading.powerCycles = number(log, 112)
        reading.powerOnSeconds = number(log, 128) * 3600
        // Units are a thousand blocks of 512 bytes.
        reading.wear = SmartReading.Wear(
            warnings: log.byte(at: 0), spare: log.byte(at: 3), spareThreshold: log.byte(at: 4),
            used: log.byte(at: 5), readBytes: number(log, 32) * 512_000, writtenBytes: number(log, 48) * 512_000,
            mediaErrors: number(log, 160), unsafeShutdowns: number(log, 144), logEntries: number(log, 176),
            hotSeconds: Double(hot) * 60, criticalSeconds: Double(critical) * 60)
        return true
    }

    /// Of 16 bytes.
    private static func number(_ log: RawSpan, _ offset: Int) -> Double {
        let low = log.load(littleEndian: offset, as: UInt64.self) ?? 0
        let high = log.load(littleEndian: offset + 8, as: UInt64.self) ?? 0
        return Double(high) * 0x1p64 + Double(low)
    }
}
