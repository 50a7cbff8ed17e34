import Bytes
import Telemetry

/// A segment file: a header, then records one after the other.
enum SegmentFormat {
    /// "TOCSEG01"
    static let kind = NumberedFileKind(magic: 0x3130_4745_5343_4f54, version: 1, suffix: ".seg")
    /// Where a segment's first record begins.
    static let firstOffset = UInt64(NumberedFileKind.headerSize)

    enum HeaderState: Equatable {
        case intact
        case damaged
        /// Written by a later version of this program: not to be touched.
        case newer(version: UInt32)
    }

    static func check(_ bytes: RawSpan, number: UInt64) -> HeaderState {
        guard let found = kind.header(in: bytes) else { return .damaged }
        if found.version > kind.version { return .newer(version: found.version) }
        return found.number == number ? .intact : .damaged
    }
}

/// What is known of a segment without reading it.
package struct SegmentSummary: Sendable, Equatable {
    package var number: UInt64
    /// Where its last intact record ends: bytes that can be read.
    package var end: UInt64 = SegmentFormat.firstOffset
    package var recordCount = 0
    package var entryCount = 0
    /// Time stamps of the entries; `earliest > latest` where there are none.
    package var earliest = Timestamp(nanoseconds: .max)
    package var latest = Timestamp(nanoseconds: .min)
    /// When it was last written.
    package var written: Timestamp

    package init(number: UInt64, written: Timestamp) {
        self.number = number
        self.written = written
    }

    package var isEmpty: Bool { end <= SegmentFormat.firstOffset }
    /// Where its first record begins.
    package var start: RecordLocation { RecordLocation(segment: number, offset: SegmentFormat.firstOffset) }

    mutating func add(entryCount count: Int, earliest first: Timestamp, latest last: Timestamp) {
        recordCount &+= 1
        guard count > 0 else { return }
        entryCount &+= count
        earliest = min(earliest, first)
        latest = max(latest, last)
    }

    mutating func add(_ blocks: [BlockIndex]) {
        var count = 0
        var first = Timestamp(nanoseconds: .max)
        var last = Timestamp(nanoseconds: .min)
        for block in blocks {
            count &+= block.entryCount
            first = min(first, block.earliest)
            last = max(last, block.latest)
        }
        add(entryCount: count, earliest: first, latest: last)
    }
}
