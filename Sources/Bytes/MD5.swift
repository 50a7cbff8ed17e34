import Glibc

/// MD5 (RFC 1321), for what others define by it; not for security.
package enum MD5 {
    /// The 16 bytes of the digest as two big-endian halves.
    package static func digest(_ message: [UInt8]) -> (high: UInt64, low: UInt64) {
        var state: (UInt32, UInt32, UInt32, UInt32) = (0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476)
        var padded = message
        padded.append(0x80)
        while padded.count % 64 != 56 { padded.append(0) }
        let bits = UInt64(message.count) &* 8
        for shift in stride(from: UInt64(0), to: 64, by: 8) { padded.append(UInt8(truncatingIfNeeded: bits >> shift)) }

        for start in stride(from: 0, to: padded.count, by: 64) { compress(padded, at: start, into: &state) }
        return (
            UInt64(state.0.byteSwapped) << 32 | UInt64(state.1.byteSwapped),
            UInt64(state.2.byteSwapped) << 32 | UInt64(state.3.byteSwapped)
        )
    }

    private static func compress(_ bytes: [UInt8], at start: Int, into state: inout (UInt32, UInt32, UInt32, UInt32)) {
        var (a, b, c, d) = state
        for step in 0..<64 {
            let mixed: UInt32
            let index: Int
            switch step >> 4 {
            case 0: (mixed, index) = ((b & c) | (~b & d), step)
            case 1: (mixed, index) = ((d & b) | (~d & c), (5 * step + 1) & 15)
            case 2: (mixed, index) = (b ^ c ^ d, (3 * step + 5) & 15)
            default: (mixed, index) = (c ^ (b | ~d), (7 * step) & 15)
            }
            let offset = start + index * 4
            let word =
                UInt32(bytes[offset]) | UInt32(bytes[offset + 1]) << 8 | UInt32(bytes[offset + 2]) << 16
                | UInt32(bytes[offset + 3]) << 24
            let sum = a &+ mixed &+ sines[step] &+ word
            let shift = shifts[(step >> 4) * 4 + (step & 3)]
            (a, d, c, b) = (d, c, b, b &+ (sum << shift | sum >> (32 - shift)))
        }
        state = (state.0 &+ a, state.1 &+ b, state.2 &+ c, state.3 &+ d)
    }

    private static let shifts: [UInt32] = [7, 12, 17, 22, 5, 9, 14, 20, 4, 11, 16, 23, 6, 10, 15, 21]
    /// floor(2^32 · |sin(i + 1)|), RFC 1321, 3.4.
    private static let sines: [UInt32] = (0..<64).map { UInt32(abs(sin(Double($0 + 1))) * 4_294_967_296) }
}
