import Bytes

/// What SCSI disks answer (SPC-4: INQUIRY, LOG SENSE, sense data; SBC-3: the background scan).
enum SCSIHealth {
    /// A page of the log.
    enum Page: UInt8, CaseIterable {
        case writeErrors = 0x02
        case readErrors = 0x03
        case verifyErrors = 0x05
        case temperature = 0x0d
        case backgroundScan = 0x15
        case exceptions = 0x2f
    }

    static let inquiryLength = 96
    static let logLength = 512

    static let testUnitReady = [UInt8](repeating: 0, count: 6)
    static let inquiry: [UInt8] = [0x12, 0, 0, 0, UInt8(inquiryLength), 0]
    /// The unit's serial number.
    static let serialInquiry: [UInt8] = [0x12, 1, 0x80, 0, UInt8(inquiryLength), 0]

    /// LOG SENSE: cumulative values.
    static func block(_ page: Page) -> [UInt8] {
        [0x4d, 0, 0x40 | page.rawValue, 0, 0, 0, 0, UInt8(logLength >> 8), UInt8(logLength & 0xff), 0]
    }

    /// Key, code and qualifier of sense data; nil where there are none.
    static func sense(_ sense: RawSpan) -> (key: UInt8, code: UInt8, qualifier: UInt8)? {
        guard sense.byteCount >= 4 else { return nil }
        switch sense.byte(at: 0) & 0x7f {
        case 0x72, 0x73: return (sense.byte(at: 1) & 0x0f, sense.byte(at: 2), sense.byte(at: 3))
        case 0x70, 0x71:
            guard sense.byteCount >= 14 else { return nil }
            return (sense.byte(at: 2) & 0x0f, sense.byte(at: 12), sense.byte(at: 13))
        default: return nil
        }
    }

    /// Whether a unit that is not ready stands still: it wants to be started, or is in a state of low power.
    static func isAsleep(_ sense: RawSpan) -> Bool {
        guard let (key, code, qualifier) = self.sense(sense) else { return false }
        return key == 0x02 && code == 0x04 && (qualifier == 0x02 || qualifier == 0x09) || code == 0x5e
    }

    /// Vendor, product and revision.
    static func inquire(_ data: RawSpan, into reading: inout SmartReading) {
        guard data.byteCount >= 36 else { return }
        let vendor = String(lossy: data.extracting(8..<16).printable)
        let product = String(lossy: data.extracting(16..<32).printable)
        reading.model = vendor.isEmpty ? product : "\(vendor) \(product)"
        reading.firmware = String(lossy: data.extracting(32..<36).printable)
    }

    static func inquireSerial(_ data: RawSpan, into reading: inout SmartReading) {
        guard data.byteCount >= 4, data.byte(at: 1) == 0x80 else { return }
        let end = min(data.byteCount, 4 + Int(data.byte(at: 3)))
        reading.serial = String(lossy: data.extracting(4..<end).printable)
    }

    /// Takes a page in. What is not as it should be says nothing.
    static func read(_ page: Page, _ data: RawSpan, into reading: inout SmartReading) {
        guard data.byteCount >= 4, data.byte(at: 0) & 0x3f == page.rawValue else { return }
        let end = min(data.byteCount, 4 + (Int(data.byte(at: 2)) << 8 | Int(data.byte(at: 3))))
        var counts = SmartReading.ErrorCounts(operation: operation(page))
        var offset = 4
        while offset + 4 <= end {
            let code = Int(data.byte(at: offset)) << 8 | Int(data.byte(at: offset + 1))
            let length = Int(data.byte(at: offset + 3))
            guard offset + 4 + length <= end else { break }
            let value = data.extracting((offset + 4)..<(offset + 4 + length))
            offset += 4 + length
            switch (page, code) {
            case (.exceptions, 0) where value.byteCount >= 2:
                // 5Dh is a failure that the disk expects, 0Bh a warning; 0 is nothing.
                reading.isHealthy = value.byte(at: 0) == 0
                if value.byteCount >= 3, reading.temperature == nil { reading.temperature = degrees(value.byte(at: 2)) }
            case (.temperature, 0) where value.byteCount >= 2:
                reading.temperature = degrees(value.byte(at: 1)) ?? reading.temperature
            case (.backgroundScan, 0) where value.byteCount >= 4:
                reading.powerOnSeconds = Double(number(value.extracting(0..<4)) ?? 0) * 60
            case (.readErrors, 3), (.writeErrors, 3), (.verifyErrors, 3): counts.corrected = number(value)
            case (.readErrors, 5), (.writeErrors, 5), (.verifyErrors, 5): counts.processedBytes = number(value)
            case (.readErrors, 6), (.writeErrors, 6), (.verifyErrors, 6): counts.uncorrected = number(value)
            default: break
            }
        }
        if counts.corrected != nil || counts.uncorrected != nil || counts.processedBytes != nil {
            reading.errors.append(counts)
        }
    }

    private static func operation(_ page: Page) -> StaticText {
        switch page {
        case .writeErrors: "write"
        case .verifyErrors: "verify"
        default: "read"
        }
    }

    /// FFh is what a disk without a sensor says.
    private static func degrees(_ byte: UInt8) -> Double? { byte == 0xff || byte == 0 ? nil : Double(byte) }

    /// Big-endian, of 8 bytes at most; nil for none and for more.
    private static func number(_ value: RawSpan) -> UInt64? {
        guard (1...8).contains(value.byteCount) else { return nil }
        var number: UInt64 = 0
        for offset in 0..<value.byteCount { number = number << 8 | UInt64(value.byte(at: offset)) }
        return number
    }
}
