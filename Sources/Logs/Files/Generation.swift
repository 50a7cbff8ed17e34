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
    /// The bytes; nil while closed.
    var content: FileContent?
    var sequence: UInt64
    /// Where the next unread line begins.
    private(set) var offset: UInt64 = 0
    private(set) var head = Fingerprint.empty
    private(set) var tail = Fingerprint.empty
    var cut = LineCut()
    /// The beginning of a last line that has no newline yet, for when the file is truncated.
    var partial: [UInt8] = []
    /// Bytes after `offset` seen at the last read.
    var partialLength = 0
    /// As last seen.
    var size: UInt64 = 0
    var modified: Int64 = 0
    /// When it stopped being the active file (monotonic); nil for the active one.
    var detached: Timestamp?
    /// Up to here records have been given out before; they are only read again for the lines that were unfinished.
    var replay: Replay?
    /// Its position is not the one last committed.
    var isDirty = false
    /// Not active any more, and read to the end.
    var isFinished = false
    var watch: Int32 = -1
    /// Nothing but NULs has been read so far.
    var isAtHole = false
    /// Turns its lines into UTF-8; nil where they are UTF-8.
    var transcoder: Transcoder?
    /// Whether the first bytes have been looked at for a byte-order mark.
    var isEncodingKnown = false

    struct Replay {
        var until: UInt64
        var starts: [UInt64?]
    }

    init(identity: FileIdentity, path: String, content: FileContent, sequence: UInt64) {
        self.identity = identity
        self.path = path
        self.content = content
        self.sequence = sequence
    }

    var isAtEnd: Bool { offset + UInt64(partialLength) >= size && replay == nil }

    /// Goes on from a saved position, which must have been verified.
    func resume(at position: FilePosition) {
        sequence = position.sequence
        head = position.head
        tail = position.tail
        cut = position.cut
        offset = position.offset
        guard position.resumeOffset < position.offset, let content else { return }
        offset = position.resumeOffset
        replay = Replay(until: position.offset, starts: position.joinStarts)
        var bytes = ByteBuffer()
        let length = min(UInt64(Fingerprint.tailLength), offset)
        if let count = try? content.read(at: offset - length, length: Int(length), into: &bytes),
            UInt64(count) == length
        {
            tail = Fingerprint(bytes.bytes)
        }
    }

    /// Begins again at the start: the file was truncated.
    func restart(sequence: UInt64) {
        self.sequence = sequence
        offset = 0
        head = .empty
        tail = .empty
        cut = LineCut()
        partial = []
        partialLength = 0
        replay = nil
        isAtHole = false
        transcoder = nil
        isEncodingKnown = false
        isDirty = true
    }

    /// Moves past `consumed` bytes of `chunk`, of which the first `context` lie before `offset`.
    func advance(_ chunk: RawSpan, context: Int, by consumed: Int) {
        guard consumed > 0 else { return }
        let end = context + consumed
        if offset == 0 { head = Fingerprint(chunk.slice(context, min(end, context + Fingerprint.headLength))) }
        offset += UInt64(consumed)
        // context = min(64, old offset), so the bytes are there.
        let length = min(end, Fingerprint.tailLength)
        tail = Fingerprint(chunk.slice(end - length, end))
        if let limit = replay?.until, offset >= limit { replay = nil }
        isDirty = isDirty || replay == nil
    }

    /// Takes note of the first bytes before anything is read, so that the file is known again as a copy, too.
    func noteHead() {
        var bytes = ByteBuffer(capacity: Fingerprint.headLength)
        guard offset == 0, let content,
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

    /// Skips a hole, which reads as NULs, without reading it.
    func skipHole(to start: UInt64) {
        offset = start
        let zeros = [UInt8](repeating: 0, count: Int(min(start, UInt64(Fingerprint.tailLength))))
        tail = Fingerprint(zeros.span.bytes)
        isDirty = true
    }
}
