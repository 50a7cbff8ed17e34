import Bytes
import Glibc
import Logging

extension DiskQueue {
    /// Looks through the segments for what is not acknowledged. Deletes those that are; leaves alone, with a warning, those
    /// of a later version. Returns the highest numbers there are.
    static func recover(
        _ state: inout State, _ directory: StoreDirectory, _ logger: Logger
    ) throws(SystemError) -> (segment: UInt64, sequence: UInt64) {
        var lastSegment = state.cursor.segment
        var lastSequence = state.cursor.sequence
        var scratch = ByteBuffer()
        for number in try directory.names().compactMap(QueueSegmentFormat.kind.number(ofFileNamed:)).sorted() {
            lastSegment = max(lastSegment, number)
            let name = QueueSegmentFormat.kind.fileName(number)
            guard let file = try? StoreFile(path: directory.file(name), flags: O_RDONLY | O_NONBLOCK),
                let limit = try? file.size()
            else {
                logger.warning("remote write queue: \(directory.file(name)) cannot be read and is left out")
                continue
            }
            scratch.removeAll()
            try file.read(at: 0, length: NumberedFileKind.headerSize, into: &scratch)
            let version = QueueSegmentFormat.version(of: scratch.bytes, number: number)
            if let version, version > QueueSegmentFormat.kind.version {
                logger.warning(
                    "remote write queue: \(directory.file(name)) is of version \(version), this program knows \(QueueSegmentFormat.kind.version); it is left alone"
                )
                continue
            }
            // A damaged header says nothing about the records behind it.
            let segment = try scan(file, number, limit, &state, &scratch)
            lastSequence = max(lastSequence, segment.sequence)
            if segment.sequence <= state.cursor.sequence, number <= state.cursor.segment {
                try directory.remove(name)
                continue
            }
            state.segments.append(segment)
        }
        return (lastSegment, lastSequence)
    }

    private static func scan(
        _ file: StoreFile, _ number: UInt64, _ limit: UInt64, _ state: inout State, _ scratch: inout ByteBuffer
    ) throws(SystemError) -> Segment {
        var segment = Segment(number: number, end: max(limit, QueueSegmentFormat.firstOffset))
        var offset = QueueSegmentFormat.firstOffset
        while true {
            switch try QueueScanner.step(file, at: offset, limit: limit, &scratch) {
            case .end: return segment
            case .damaged(let next): offset = next
            case .record(let header):
                segment.sequence = max(segment.sequence, header.sequence)
                if header.sequence > state.cursor.sequence { state.ledger.append(header) }
                offset += header.recordLength
            }
        }
    }
}
