import CSystemd

/// When an entry was received: what tells it from others when nothing else of it can be read any more.
package struct JournalMoment: Sendable {
    /// Microseconds since 1970.
    package var realtime: UInt64 = 0
    /// Microseconds since the boot.
    package var monotonic: UInt64 = 0
    var boot = sd_id128_t()

    package init() {}

    @inline(__always)
    static func == (a: JournalMoment, b: JournalMoment) -> Bool {
        a.realtime == b.realtime && a.monotonic == b.monotonic && a.boot.qwords.0 == b.boot.qwords.0
            && a.boot.qwords.1 == b.boot.qwords.1
    }

    /// A cursor that leads to the entry, or to the next one where it is gone.
    var cursor: String {
        let digits = [boot.qwords.0, boot.qwords.1].map { word in
            let text = String(UInt64(bigEndian: word), radix: 16)
            return String(repeating: "0", count: 16 - text.count) + text
        }.joined()
        return "b=\(digits);m=\(String(monotonic, radix: 16));t=\(String(realtime, radix: 16))"
    }
}
