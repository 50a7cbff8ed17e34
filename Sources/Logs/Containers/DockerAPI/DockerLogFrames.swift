import Bytes
import Telemetry

/// Takes the body of `GET /containers/<id>/logs?timestamps=1` apart into lines (docker engine API, "attach", stream
/// format): frames of a header `[stream, 0, 0, 0, length big-endian]` and a time stamped piece, or, of a container with
/// a terminal, plain time stamped lines.
///
/// dockerd cuts lines at 16 KiB. All pieces of one line have the same time; the last of them ends with a newline or,
/// with the `local` driver up to docker 23, with nothing. A piece of less than 16 KiB is therefore always the last.
struct DockerLogFrames: ~Copyable {
    /// dockerd's `copier` buffer.
    private static let pieceSize = 16 << 10
    private static let frameLimit = 32 << 20

    /// Bytes received and not yet taken apart.
    var body = ByteBuffer(capacity: 4096)
    /// Whether the line last returned lost bytes at `maxJoinedSize`.
    private(set) var isTruncated = false

    private let isTerminal: Bool
    private let maxJoinedSize: Int
    private var offset = 0
    private var output = Pieces()
    private var errors = Pieces()

    private struct Pieces: ~Copyable {
        var text = ByteBuffer()
        var time: Int64?
        var isTruncated = false
    }

    init(isTerminal: Bool, maxJoinedSize: Int) {
        self.isTerminal = isTerminal
        self.maxJoinedSize = maxJoinedSize
    }

    /// Puts the next whole line into `line`, without its newline; nil where more bytes are needed.
    mutating func next(_ line: inout ByteBuffer) throws(DockerAPIError) -> ContainerRecord? {
        while true {
            guard let found = try piece() else {
                body.removeFirst(offset)
                offset = 0
                return nil
            }
            let record =
                found.stream == .stdout
                ? Self.add(body, found, &output, maxJoinedSize, &line)
                : Self.add(body, found, &errors, maxJoinedSize, &line)
            // A line of another time ends the one before it; the piece itself is looked at again.
            if record?.time.nanoseconds == found.time || record == nil { offset = found.next }
            if let record {
                isTruncated = lineWasTruncated(found.stream)
                return record
            }
        }
    }

    /// The stream has ended: a terminal's last line counts as whole. To be called before the last `next` and `rest`.
    mutating func close() {
        if isTerminal, !body.isEmpty { body.append(0x0a) }
    }

    /// What is left of a stream that has ended; to be called until it gives nil.
    mutating func rest(_ line: inout ByteBuffer) -> ContainerRecord? {
        if let record = Self.finish(&output, .stdout, &line) {
            isTruncated = lineWasTruncated(.stdout)
            return record
        }
        guard let record = Self.finish(&errors, .stderr, &line) else { return nil }
        isTruncated = lineWasTruncated(.stderr)
        return record
    }

    private mutating func lineWasTruncated(_ stream: ContainerStream) -> Bool {
        if stream == .stdout {
            defer { output.isTruncated = false }
            return output.isTruncated
        }
        defer { errors.isTruncated = false }
        return errors.isTruncated
    }

    private struct Piece {
        var stream: ContainerStream
        var time: Int64
        var start: Int
        var end: Int
        var isLast: Bool
        /// Where the next piece begins.
        var next: Int
    }

    private func piece() throws(DockerAPIError) -> Piece? {
        var start = offset
        let end: Int
        var stream = ContainerStream.stdout
        if isTerminal {
            guard let newline = body.bytes.firstIndex(of: 0x0a, from: offset) else {
                guard body.count - offset <= Self.frameLimit else { throw tooLong(body.count - offset) }
                return nil
            }
            end = newline + 1
        } else {
            guard body.count - offset >= 8 else { return nil }
            guard let header = body.bytes.load(littleEndian: offset, as: UInt32.self), header <= 3,
                let length = body.bytes.load(littleEndian: offset + 4, as: UInt32.self).map({ Int($0.byteSwapped) })
            else {
                throw DockerAPIError(description: "expected a frame of a container's log, found other bytes")
            }
            guard length <= Self.frameLimit else { throw tooLong(length) }
            guard body.count - offset - 8 >= length else { return nil }
            start += 8
            end = start + length
            if header == 3 {
                throw DockerAPIError(
                    description:
                        "docker cannot read the log: \(String(lossy: body.bytes.slice(start, min(end, start + 500))))")
            }
            stream = header == 2 ? .stderr : .stdout
        }
        let text = body.bytes.slice(start, end)
        guard let space = text.firstIndex(of: 0x20), let time = RFC3339.parse(text.slice(0, space)) else {
            throw DockerAPIError(
                description: "expected a time stamp before a line of a container's log, found "
                    + "\"\(String(lossy: text.slice(0, min(40, text.byteCount))))\"")
        }
        let endsLine = text.byteCount > space + 1 && text.byte(at: text.byteCount - 1) == 0x0a
        let content = start + space + 1
        // A terminal's long line comes with nothing between its pieces but the stamp, which all of them share.
        let cut = content + Self.pieceSize
        if isTerminal, end - cut > space, body.bytes.slice(cut, cut + space + 1).equals(text.slice(0, space + 1)) {
            return Piece(stream: stream, time: time, start: content, end: cut, isLast: false, next: cut)
        }
        if isTerminal, output.time == time, let next = Self.stampAfterReturn(body.bytes.slice(0, end), from: content) {
            return Piece(stream: stream, time: time, start: content, end: next, isLast: true, next: next)
        }
        return Piece(
            stream: stream, time: time, start: content, end: endsLine ? end - 1 : end,
            isLast: endsLine || end - content < Self.pieceSize, next: end)
    }

    /// Where a time stamp follows a carriage return: the end of a terminal's long line whose newline docker lost.
    private static func stampAfterReturn(_ text: RawSpan, from start: Int) -> Int? {
        var from = start
        while let found = text.firstIndex(of: 0x0d, from: from) {
            let rest = text.slice(found + 1, min(text.byteCount, found + 37))
            if let space = rest.firstIndex(of: 0x20), RFC3339.parse(rest.slice(0, space)) != nil { return found + 1 }
            from = found + 1
        }
        return nil
    }

    private func tooLong(_ length: Int) -> DockerAPIError {
        DockerAPIError(
            description: "a frame of a container's log has \(length) bytes; at most \(Self.frameLimit) are taken")
    }

    // The buffers are parameters of their own: a span of one of them borrows all of self.
    private static func add(
        _ body: borrowing ByteBuffer, _ piece: Piece, _ pieces: inout Pieces, _ limit: Int, _ line: inout ByteBuffer
    ) -> ContainerRecord? {
        if let time = pieces.time, time != piece.time { return finish(&pieces, piece.stream, &line) }
        let room = max(0, limit - pieces.text.count)
        if piece.end - piece.start > room { pieces.isTruncated = true }
        pieces.text.append(body.bytes.slice(piece.start, min(piece.end, piece.start + room)))
        pieces.time = piece.time
        return piece.isLast ? finish(&pieces, piece.stream, &line) : nil
    }

    private static func finish(
        _ pieces: inout Pieces, _ stream: ContainerStream, _ line: inout ByteBuffer
    ) -> ContainerRecord? {
        guard let time = pieces.time else { return nil }
        line.removeAll()
        line.append(pieces.text.bytes)
        pieces.text.removeAll()
        pieces.text.release(downTo: 64 << 10)
        pieces.time = nil
        return ContainerRecord(time: Timestamp(nanoseconds: time), stream: stream, isPartial: false)
    }
}
