import Bytes

extension RawSpan {
    /// Whether the bytes may stand in a metric's name behind its first letter, and are few enough for one: letters,
    /// digits and `_`.
    var isNamePart: Bool {
        guard byteCount > 0, byteCount <= 128 else { return false }
        for offset in 0..<byteCount {
            switch byte(at: offset) {
            case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, 0x5f: break
            default: return false
            }
        }
        return true
    }
}
