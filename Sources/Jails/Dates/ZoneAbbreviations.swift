import Bytes

/// Offsets in dates: `+0200`, `-03:30`, `Z`, `CEST`, `EST+01`.
enum ZoneAbbreviations {
    /// Seconds east of Greenwich; nil for a name that is not known.
    static func offset(_ text: RawSpan) -> Int? {
        var index = 0
        while index < text.byteCount, ASCII.isLetter(text.byte(at: index)) { index += 1 }
        var minutes = 0
        if index > 0 {
            let name = String(text.withUnsafeBytes { Array($0[..<index]) }.map { $0 & 0xdf })
            guard let known = named[name] ?? military(name) else { return nil }
            minutes = known
        }
        guard index < text.byteCount else { return minutes * 60 }
        let isWest = text.byte(at: index) == 0x2d
        var digits = 0
        var count = 0
        for place in (index + 1)..<text.byteCount where ASCII.isDigit(text.byte(at: place)) {
            digits = digits * 10 + Int(text.byte(at: place)) - 0x30
            count += 1
        }
        let distance = count <= 2 ? digits * 60 : digits / 100 * 60 + digits % 100
        return (minutes + (isWest ? -distance : distance)) * 60
    }

    /// A is an hour east, M twelve; N an hour west, Y twelve; Z is Greenwich (ACP 121).
    private static func military(_ name: String) -> Int? {
        guard name.utf8.count == 1, let letter = name.utf8.first else { return nil }
        switch letter {
        case 0x41...0x49: return (Int(letter) - 0x40) * 60
        case 0x4b...0x4d: return (Int(letter) - 0x41) * 60
        case 0x4e...0x59: return -(Int(letter) - 0x4d) * 60
        case 0x5a: return 0
        default: return nil
        }
    }

    /// Minutes east of Greenwich.
    private static let named: [String: Int] = {
        var result: [String: Int] = [:]
        for entry in table.split(separator: " ") {
            let parts = entry.split(separator: ":")
            if parts.count == 2, let minutes = Int(parts[1]) { result[String(parts[0])] = minutes }
        }
        return result
    }()

    /// Where a name is used in several parts of the world, North America's and Europe's come first.
    private static let table = """
        UTC:0 GMT:0 UT:0 WET:0 WEST:60 BST:60 IST:60 CET:60 MET:60 MEZ:60 CEST:120 MEST:120 MESZ:120 EET:120 EEST:180 \
        SAST:120 CAT:120 WAT:60 WAST:120 EAT:180 MSK:180 MSD:240 TRT:180 AST:-240 ADT:-180 NST:-210 NDT:-150 EST:-300 \
        EDT:-240 CST:-360 CDT:-300 MST:-420 MDT:-360 PST:-480 PDT:-420 AKST:-540 AKDT:-480 HST:-600 HDT:-540 HADT:-540 \
        SST:-660 BRT:-180 BRST:-120 ART:-180 UYT:-180 CLT:-240 CLST:-180 PYT:-240 BOT:-240 VET:-240 COT:-300 PET:-300 \
        ECT:-300 GFT:-180 GYT:-240 SRT:-180 FNT:-120 AZOT:-60 AZOST:0 CVT:-60 EGT:-60 WGT:-180 WGST:-120 GST:240 AMT:240 \
        AZT:240 GET:240 MUT:240 RET:240 SCT:240 SAMT:240 IRST:210 IRDT:270 AFT:270 PKT:300 UZT:300 TMT:300 TJT:300 MVT:300 \
        YEKT:300 NPT:345 BDT:360 BTT:360 KGT:360 OMST:360 MMT:390 ICT:420 WIB:420 NOVT:420 KRAT:420 HOVT:420 HKT:480 \
        SGT:480 MYT:480 PHT:480 WITA:480 AWST:480 IRKT:480 ULAT:480 BNT:480 JST:540 KST:540 WIT:540 TLT:540 YAKT:540 \
        ACST:570 ACDT:630 AEST:600 AEDT:660 CHST:600 PGT:600 VLAT:600 LHST:630 LHDT:660 SBT:660 NCT:660 VUT:660 MAGT:660 \
        NZST:720 NZDT:780 FJT:720 PETT:720 MHT:720 TVT:720 WAKT:720 TOT:780 CHAST:765 CHADT:825 LINT:840
        """
}
