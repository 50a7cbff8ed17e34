import Bytes
import Glibc
import Telemetry

/// The files of the history, as anybody may read them while the agent writes them, or without one.
///
/// Each is a `NumberedFileKind` of records (`RecordFrame`) with an event each, which begins with its time. What a crash or the
/// end of what is written so far leaves torn ends a file.
package struct HistoryFiles: Sendable {
    static let kind = NumberedFileKind(
        magic: 0x3130_484c_4143_4f54, version: 1, suffix: ".history")  // "TOCALH01"

    /// How far somebody has read.
    package struct Position: Sendable, Equatable {
        package var file: UInt64
        package var offset: UInt64

        package init(file: UInt64, offset: UInt64) {
            self.file = file
            self.offset = offset
        }

        /// nil for bytes that `encoded` does not make.
        package init?(encoded bytes: [UInt8]) {
            let span = bytes.span.bytes
            guard bytes.count == 16, let file = span.load(littleEndian: 0, as: UInt64.self),
                let offset = span.load(littleEndian: 8, as: UInt64.self)
            else { return nil }
            self.init(file: file, offset: offset)
        }

        package var encoded: [UInt8] {
            var buffer = ByteBuffer(capacity: 16)
            buffer.append(littleEndian: file)
            buffer.append(littleEndian: offset)
            return [UInt8](buffer.bytes)
        }
    }

    let directory: StoreDirectory

    /// - Parameter directory: `alerts/history` of the state directory.
    package init(directory: String) { self.directory = StoreDirectory(path: directory) }

    /// What there is, oldest first.
    func numbers() throws(SystemError) -> [UInt64] {
        do throws(SystemError) {
            return try directory.names().compactMap(Self.kind.number(ofFileNamed:)).sorted()
        } catch {
            if error.code == ENOENT { return [] }
            throw error
        }
    }

    /// The newest events that are asked for, oldest first. Holds one file in memory, and twice the limit of events at most.
    package func newest(_ query: HistoryQuery) throws(SystemError) -> [HistoryEvent] {
        var found: [HistoryEvent] = []
        for number in try numbers().reversed() where found.count < query.limit {
            var events: [HistoryEvent] = []
            var first: Int64?
            let bytes = try contents(number)
            guard Self.isIntact(bytes.bytes, number) else { continue }
            _ = Self.read(bytes.bytes, at: NumberedFileKind.headerSize) { body in
                guard let time = body.load(littleEndian: 0, as: Int64.self) else { return }
                if first == nil { first = time }
                guard time >= query.since, time < query.until else { return }
                var reader = StateReader(body)
                guard let event = reader.event(), query.matches(event) else { return }
                events.append(event)
                if events.count >= 2 * query.limit { events.removeFirst(query.limit) }
            }
            found = Array((events + found).suffix(query.limit))
            // What came before is older still.
            if let first, first < query.since { break }
        }
        // Rules tell of an evaluation once it is over.
        found.sort { $0.time < $1.time }
        return found
    }

    /// Reads on after a position, some dozen KiB or one event, up to `end`; what has been deleted meanwhile is passed over.
    func next(
        after position: Position?, until end: Position
    ) throws(SystemError) -> (events: [HistoryEvent], position: Position) {
        var place = position ?? Position(file: 0, offset: 0)
        // Somebody has deleted the files: all that there is has come since.
        if place.file > end.file || (place.file == end.file && place.offset > end.offset) {
            place = Position(file: 0, offset: 0)
        }
        let start = UInt64(NumberedFileKind.headerSize)
        for number in try numbers() where number >= place.file && number <= end.file {
            if number > place.file { place = Position(file: number, offset: start) }
            let limit = number == end.file ? end.offset : .max
            for length in [Self.chunk, Int.max] {
                let bytes = try contents(
                    number, from: place.offset,
                    length: Int(clamping: min(UInt64(length), limit - min(limit, place.offset))))
                if bytes.isEmpty { break }
                var events: [HistoryEvent] = []
                let read = Self.read(bytes.bytes, at: 0) { body in
                    var reader = StateReader(body)
                    if let event = reader.event() { events.append(event) }
                }
                if read == 0 { continue }
                place.offset += UInt64(read)
                return (events, place)
            }
            // At the end of what can be read of this one.
            if number == end.file { place.offset = max(place.offset, limit) }
        }
        return ([], place)
    }

    private static let chunk = 64 << 10

    /// Bytes of a file; none where it is gone.
    private func contents(
        _ number: UInt64, from offset: UInt64 = 0, length: Int = .max
    ) throws(SystemError) -> ByteBuffer {
        var bytes = ByteBuffer()
        do throws(SystemError) {
            let file = try StoreFile(path: directory.file(Self.kind.fileName(number)), flags: O_RDONLY)
            let size = min(try file.size(), 1 << 30)
            if size > offset {
                try file.read(at: offset, length: Int(clamping: min(size - offset, UInt64(length))), into: &bytes)
            }
        } catch {
            if error.code != ENOENT { throw error }
        }
        return bytes
    }

    static func isIntact(_ bytes: RawSpan, _ number: UInt64) -> Bool {
        guard let header = kind.header(in: bytes) else { return false }
        return header.version == kind.version && header.number == number
    }

    /// Hands out the bodies from `offset` on; where the first damaged or torn one begins.
    static func read(_ bytes: RawSpan, at offset: Int, _ take: (RawSpan) -> Void) -> Int {
        var offset = offset
        while let end = RecordFrame.end(bytes, at: offset) {
            take(bytes.slice(offset + RecordFrame.headSize, end))
            offset = end
        }
        return offset
    }
}
