import Bytes

/// What ATA disks answer (ACS-3: IDENTIFY DEVICE, SMART READ DATA and the thresholds of ATA-3; SAT-3 for the way by SCSI).
enum ATAHealth {
    enum Command {
        case identify
        case checkPowerMode
        case readData
        case readThresholds
        case returnStatus

        /// Bytes that the disk sends.
        var length: Int {
            switch self {
            case .identify, .readData, .readThresholds: 512
            case .checkPowerMode, .returnStatus: 0
            }
        }
    }

    /// ATA PASS-THROUGH (16).
    static func block(_ command: Command) -> [UInt8] {
        var block = [UInt8](repeating: 0, count: 16)
        block[0] = 0x85
        if command.length > 0 {
            // PIO from the disk, one sector, as the count says.
            block[1] = 4 << 1
            block[2] = 0x0e
            block[6] = 1
        } else {
            // No data; the registers are wanted back.
            block[1] = 3 << 1
            block[2] = 0x20
        }
        switch command {
        case .identify: block[14] = 0xec
        case .checkPowerMode: block[14] = 0xe5
        case .readData: block[4] = 0xd0
        case .readThresholds: block[4] = 0xd1
        case .returnStatus: block[4] = 0xda
        }
        if block[14] == 0 {
            // Every command of SMART has this key in the address.
            block[10] = 0x4f
            block[12] = 0xc2
            block[14] = 0xb0
        }
        return block
    }

    /// The registers of a command that was to return them.
    struct Registers: Equatable {
        var error: UInt8
        var count: UInt8
        var low, mid, high: UInt8
        var status: UInt8
    }

    /// From sense data of either form; nil where it holds none.
    static func registers(in sense: RawSpan) -> Registers? {
        guard sense.byteCount >= 8 else { return nil }
        switch sense.byte(at: 0) & 0x7f {
        case 0x72:
            // Descriptors: a type and a length each.
            var offset = 8
            let end = min(sense.byteCount, 8 + Int(sense.byte(at: 7)))
            while offset + 2 <= end {
                let length = Int(sense.byte(at: offset + 1)) + 2
                if sense.byte(at: offset) == 0x09, length >= 14, offset + 14 <= end {
                    return Registers(
                        error: sense.byte(at: offset + 3), count: sense.byte(at: offset + 5),
                        low: sense.byte(at: offset + 7), mid: sense.byte(at: offset + 9),
                        high: sense.byte(at: offset + 11), status: sense.byte(at: offset + 13))
                }
                offset += length
            }
            return nil
        case 0x70:
            // ATA PASS-THROUGH INFORMATION AVAILABLE.
            guard sense.byteCount >= 14, sense.byte(at: 12) == 0, sense.byte(at: 13) == 0x1d else { return nil }
            return Registers(
                error: sense.byte(at: 3), count: sense.byte(at: 6), low: sense.byte(at: 9), mid: sense.byte(at: 10),
                high: sense.byte(at: 11), status: sense.byte(at: 4))
        default: return nil
        }
    }

    /// Whether the disk stands still, as CHECK POWER MODE says in the count: standby, and standby_y.
    static func isAsleep(_ registers: Registers) -> Bool { registers.count == 0x00 || registers.count == 0x01 }

    /// What SMART RETURN STATUS says in the address: nil where it says neither.
    static func isHealthy(_ registers: Registers) -> Bool? {
        switch (registers.mid, registers.high) {
        case (0x4f, 0xc2): true
        case (0xf4, 0x2c): false
        default: nil
        }
    }

    /// What IDENTIFY DEVICE tells.
    struct Identity: Equatable {
        var model, serial, firmware: String
        var hasSMART: Bool
    }

    /// Nil for what is not the answer of an ATA disk.
    static func identity(_ data: RawSpan) -> Identity? {
        // The highest bit of the first word is set for packet devices.
        guard data.byteCount == 512, let first = word(data, 0), first & 0x8000 == 0 else { return nil }
        // Words 83 and 87 hold 01 in their highest bits where the words around them hold anything.
        let isSupported = word(data, 83).map { $0 >> 14 == 1 } == true && word(data, 82).map { $0 & 1 == 1 } == true
        let isEnabled = word(data, 87).map { $0 >> 14 == 1 } != true || word(data, 85).map { $0 & 1 == 1 } == true
        return Identity(
            model: text(data, 27..<47), serial: text(data, 10..<20), firmware: text(data, 23..<27),
            hasSMART: isSupported && isEnabled)
    }

    private static func word(_ data: RawSpan, _ place: Int) -> UInt16? {
        data.load(littleEndian: place * 2, as: UInt16.self)
    }

    /// Two letters in each word, the first in the high byte.
    private static func text(_ data: RawSpan, _ words: Range<Int>) -> String {
        var letters = ByteBuffer()
        for place in words {
            guard let word = word(data, place) else { continue }
            letters.append(UInt8(word >> 8))
            letters.append(UInt8(word & 0xff))
        }
        return String(lossy: letters.bytes.printable)
    }

    /// The attributes; empty for a sector whose checksum is wrong or that is of another length.
    static func attributes(data: RawSpan, thresholds: RawSpan) -> [SmartReading.Attribute] {
        guard isIntact(data) else { return [] }
        let hasThresholds = isIntact(thresholds)
        var found: [SmartReading.Attribute] = []
        for place in 0..<30 {
            let start = 2 + place * 12
            let id = data.byte(at: start)
            guard id != 0, let low = data.load(littleEndian: start + 5, as: UInt32.self),
                let high = data.load(littleEndian: start + 9, as: UInt16.self)
            else { continue }
            let threshold = hasThresholds ? threshold(of: id, in: thresholds) : nil
            found.append(
                SmartReading.Attribute(
                    id: id, value: data.byte(at: start + 3), worst: data.byte(at: start + 4), threshold: threshold,
                    raw: UInt64(low) | UInt64(high) << 32))
        }
        return found
    }

    private static func threshold(of id: UInt8, in thresholds: RawSpan) -> UInt8? {
        for place in 0..<30 where thresholds.byte(at: 2 + place * 12) == id {
            return thresholds.byte(at: 3 + place * 12)
        }
        return nil
    }

    /// All bytes of the sector add up to nothing.
    private static func isIntact(_ sector: RawSpan) -> Bool {
        guard sector.byteCount == 512 else { return false }
        var sum: UInt8 = 0
        for offset in 0..<512 { sum &+= sector.byte(at: offset) }
        return sum == 0
    }

    /// What the attributes that nearly all makers have alike mean.
    static func interpret(_ reading: inout SmartReading) {
        for attribute in reading.attributes {
            switch attribute.id {
            // Some put other numbers above the hours.
            case 9: reading.powerOnSeconds = Double(attribute.raw & 0xffff_ffff) * 3600
            case 12: reading.powerCycles = Double(attribute.raw & 0xffff_ffff)
            case 194: reading.temperature = degrees(attribute.raw) ?? reading.temperature
            case 190 where reading.temperature == nil: reading.temperature = degrees(attribute.raw)
            default: break
            }
        }
    }

    /// The lowest byte, signed; the least and the most stand above it.
    private static func degrees(_ raw: UInt64) -> Double? {
        let value = Int8(truncatingIfNeeded: raw)
        return (-40...120).contains(value) ? Double(value) : nil
    }
}

extension RawSpan {
    /// Without the blanks and zeros that fill up fixed fields.
    var printable: RawSpan {
        @_lifetime(copy self)
        get {
            var start = 0
            var end = byteCount
            while start < end, byte(at: start) <= 0x20 { start += 1 }
            while end > start, byte(at: end - 1) <= 0x20 { end -= 1 }
            return extracting(start..<end)
        }
    }
}
