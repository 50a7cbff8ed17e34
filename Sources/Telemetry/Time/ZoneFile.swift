import Bytes

/// A time zone as the system's files have it (RFC 8536, "TZif"): how far east of Greenwich its clocks are, and when.
///
/// Beyond the last listed change the rule at the end of the file holds (a POSIX `TZ` text, with RFC 8536's extension to
/// hours of -167 to 167); leap seconds are not counted, as the kernel's clock does not.
package struct ZoneFile: Sendable, Equatable {
    /// When clocks change, seconds since 1970, ascending; and to which of `offsets`.
    private var changes: [Int64] = []
    private var kinds: [UInt8] = []
    /// Seconds east of Greenwich.
    private var offsets: [Int] = []
    private var rule: ZoneRule?
    /// Before the first change.
    private var firstOffset = 0

    /// Reads a whole file; nil where it is none.
    package init?(_ bytes: RawSpan) {
        guard let first = Header(bytes, at: 0) else { return nil }
        guard first.version >= 0x32 else {
            guard read(bytes, first, at: Header.size, wide: false) else { return nil }
            return
        }
        // The second block has 64-bit times.
        let start = Header.size + first.length(wide: false)
        guard let second = Header(bytes, at: start),
            read(bytes, second, at: start + Header.size, wide: true)
        else { return nil }
        let footer = start + Header.size + second.length(wide: true)
        guard footer < bytes.byteCount, bytes.byte(at: footer) == 0x0a,
            let end = bytes.firstIndex(of: 0x0a, from: footer + 1)
        else { return nil }
        if end > footer + 1 {
            rule = ZoneRule(String(lossy: bytes.slice(footer + 1, end)))
            if rule == nil { return nil }
        }
    }

    /// Greenwich.
    package static let utc = ZoneFile()
    private init() {}

    /// The zone of a POSIX `TZ` text such as `CET-1CEST,M3.5.0,M10.5.0`; nil where it is none.
    package init?(rule text: String) {
        guard let rule = ZoneRule(text) else { return nil }
        self.rule = rule
    }

    /// When the zone's clocks show `local`, seconds since 1970 as if they were Greenwich's: what C's `mktime` finds. A time
    /// that comes twice is the earlier one; one that is left out is as far behind the change as it would be without it.
    package func seconds(local: Int64) -> Int64 {
        let before = offset(at: local - 86_400)
        let first = local - Int64(before)
        if offset(at: first) == before { return first }
        let second = local - Int64(offset(at: first))
        return offset(at: second) == offset(at: first) ? second : first
    }

    /// Seconds east of Greenwich at a time, in seconds since 1970. O(log of the changes).
    package func offset(at seconds: Int64) -> Int {
        guard let last = changes.last else { return rule?.offset(at: seconds) ?? firstOffset }
        if seconds >= last, let rule { return rule.offset(at: seconds) }
        var lower = 0
        var upper = changes.count
        while lower < upper {
            let middle = (lower + upper) / 2
            if changes[middle] <= seconds { lower = middle + 1 } else { upper = middle }
        }
        return lower == 0 ? firstOffset : offsets[Int(kinds[lower - 1])]
    }

    /// What the zone's calendar shows.
    package func calendar(at seconds: Int64) -> CalendarTime {
        CalendarTime(seconds: seconds, offset: offset(at: seconds))
    }

    private mutating func read(_ bytes: RawSpan, _ header: Header, at start: Int, wide: Bool) -> Bool {
        guard header.typeCount > 0, start + header.length(wide: wide) <= bytes.byteCount else { return false }
        let width = wide ? 8 : 4
        for index in 0..<header.timeCount {
            let time: Int64
            if wide {
                guard let raw = bytes.load(littleEndian: start + index * 8, as: Int64.self) else { return false }
                time = raw.byteSwapped
            } else {
                guard let raw = bytes.load(littleEndian: start + index * 4, as: Int32.self) else { return false }
                time = Int64(raw.byteSwapped)
            }
            if let last = changes.last, time <= last { return false }
            changes.append(time)
        }
        var offset = start + header.timeCount * width
        for index in 0..<header.timeCount {
            let kind = bytes.byte(at: offset + index)
            guard Int(kind) < header.typeCount else { return false }
            kinds.append(kind)
        }
        offset += header.timeCount
        for index in 0..<header.typeCount {
            guard let raw = bytes.load(littleEndian: offset + index * 6, as: Int32.self) else { return false }
            offsets.append(Int(raw.byteSwapped))
        }
        // RFC 8536 3.2: before the first change the first type holds.
        firstOffset = offsets[0]
        return true
    }
}

/// The counts that stand before a block of a TZif file.
private struct Header {
    static let size = 44
    var version: UInt8
    var utcCount: Int
    var standardCount: Int
    var leapCount: Int
    var timeCount: Int
    var typeCount: Int
    var characterCount: Int

    init?(_ bytes: RawSpan, at start: Int) {
        guard start >= 0, start + Self.size <= bytes.byteCount,
            bytes.slice(start, start + 4).equals("TZif" as StaticString)
        else { return nil }
        version = bytes.byte(at: start + 4)
        var counts: [Int] = []
        for index in 0..<6 {
            guard let raw = bytes.load(littleEndian: start + 20 + index * 4, as: UInt32.self) else { return nil }
            // No real file has more than a few thousand of anything.
            guard raw.byteSwapped < 1 << 20 else { return nil }
            counts.append(Int(raw.byteSwapped))
        }
        (utcCount, standardCount, leapCount) = (counts[0], counts[1], counts[2])
        (timeCount, typeCount, characterCount) = (counts[3], counts[4], counts[5])
    }

    func length(wide: Bool) -> Int {
        let width = wide ? 8 : 4
        return timeCount * (width + 1) + typeCount * 6 + characterCount + leapCount * (width + 4) + standardCount
            + utcCount
    }
}
