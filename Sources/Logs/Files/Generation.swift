import Bytes
import Glibc
import Telemetry

/// One physical file that holds a stretch of a followed file's history: the active one, one that was rotated away,
/// or a copy that a copytruncate left.
final class Generation {
    /// Under which its position is kept.
    let identity: FileIdentity
    /// The path it was opened at.
    let path: String
    /// How far each delivery of its file has got, in their order.
    let cursors: OneOrMore<ReadCursor>
    /// Offsets count decompressed bytes; so even while it is closed.
    let isCompressed: Bool
    /// The bytes; nil while closed.
    var content: FileContent?
    var sequence: UInt64
    /// Where reading goes on: the least offset of the cursors.
    private(set) var offset: UInt64 = 0
    private(set) var head = Fingerprint.empty
    /// Of the bytes before `offset`.
    private(set) var tail = Fingerprint.empty
    /// What stands after `offset`, the beginning of a last line that has no newline yet, for when the file is truncated.
    var partial: [UInt8] = []
    /// Bytes after `offset` seen at the last read.
    var partialLength = 0
    /// As last seen.
    var size: UInt64 = 0 {
        didSet { if size != .max { greatestSize = max(greatestSize, size) } }
    }
    /// The largest it was since it was begun.
    private(set) var greatestSize: UInt64 = 0
    var modified: Int64 = 0
    /// When it stopped being the active file (monotonic); nil for the active one.
    var detached: Timestamp?
    /// Its position is not the one last committed.
    var isDirty = false
    /// Not active any more, and read to the end.
    var isFinished = false
    var watch: Int32 = -1

    init(identity: FileIdentity, path: String, content: FileContent, sequence: UInt64, deliveries: Int) {
        self.identity = identity
        self.path = path
        self.content = content
        isCompressed = content.isCompressed
        self.sequence = sequence
        cursors = OneOrMore((0..<deliveries).map { _ in ReadCursor() }) ?? OneOrMore(ReadCursor())
    }

    /// Whether lines are only read again for the sake of unfinished ones. Nothing is given out until this is over, so
    /// that the position saved last stays right.
    var isReplaying: Bool { cursors.contains { $0.replay != nil } }

    /// Nothing has been given out yet to anyone.
    var isUnread: Bool { cursors.allSatisfy { $0.offset == 0 } }

    var isAtEnd: Bool { offset + UInt64(partialLength) >= size && !isReplaying }

    /// The beginning of a line has been seen or given out, and its end has not.
    var isLineOpen: Bool { partialLength > 0 || cursors.contains { $0.cut.parts > 0 } }

    /// Goes on from a saved position, which must have been verified, for the deliveries of these keys.
    func resume(at position: FilePosition, _ keys: [String]) {
        sequence = position.sequence
        head = position.head
        tail = position.tail
        for (cursor, place) in zip(cursors, position.places(for: keys)) { cursor.resume(at: place) }
        offset = least
        guard offset != position.offset, let content else { return }
        var bytes = ByteBuffer()
        let length = min(UInt64(Fingerprint.tailLength), offset)
        if let count = try? content.read(at: offset - length, length: Int(length), into: &bytes),
            UInt64(count) == length
        {
            tail = Fingerprint(bytes.bytes)
        }
    }

    private var least: UInt64 { cursors.reduce(.max) { min($0, $1.offset) } }

    /// It was made shorter before anything of it was read.
    func shrink(to size: UInt64) {
        greatestSize = 0
        self.size = size
        noteHead()
        isDirty = true
    }

    /// Begins again at the start: the file was truncated.
    func restart(sequence: UInt64) {
        self.sequence = sequence
        greatestSize = 0
        offset = 0
        head = .empty
        tail = .empty
        partial = []
        partialLength = 0
        for cursor in cursors { cursor.restart() }
        isDirty = true
    }

    /// The cursors have moved on in `chunk`, of which the first `context` bytes lie before `offset`.
    func settle(_ chunk: RawSpan, context: Int, hasMoved: Bool) {
        let furthest = cursors.reduce(0) { max($0, $1.offset) }
        if offset == 0, furthest > 0 {
            head = Fingerprint(
                chunk.slice(context, min(chunk.byteCount, Int(clamping: furthest), Fingerprint.headLength)))
        }
        isDirty = isDirty || (hasMoved && !isReplaying)
        let next = least
        guard next > offset else { return }
        let end = next - offset + UInt64(context)
        if end <= UInt64(chunk.byteCount) {
            // context = min(64, old offset), so the bytes are there.
            tail = Fingerprint(chunk.slice(max(0, Int(end) - Fingerprint.tailLength), Int(end)))
        } else {
            // Behind a hole, which was not read.
            let zeros = [UInt8](repeating: 0, count: Int(min(next, UInt64(Fingerprint.tailLength))))
            tail = Fingerprint(zeros.span.bytes)
        }
        offset = next
    }

    /// Takes note of the first bytes before anything is read, so that the file is known again as a copy, too.
    func noteHead() {
        var bytes = ByteBuffer(capacity: Fingerprint.headLength)
        guard isUnread, let content,
            (try? content.read(at: 0, length: Fingerprint.headLength, into: &bytes)) != nil
        else { return }
        head = Fingerprint(bytes.bytes)
    }

    /// Takes in more of the first bytes of a file that was short when they were last looked at.
    func extendHead(_ scratch: inout ByteBuffer) {
        guard head.length < Fingerprint.headLength, offset > UInt64(head.length), let content else { return }
        scratch.removeAll()
        let wanted = min(Int(clamping: offset), Fingerprint.headLength)
        guard let count = try? content.read(at: 0, length: wanted, into: &scratch), count == wanted else { return }
        head = Fingerprint(scratch.bytes)
    }
}
