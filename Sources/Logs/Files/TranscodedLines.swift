import Bytes
import Telemetry

extension LineSplitter {
    /// As `plain`, for lines in another encoding than UTF-8: each is converted by itself, so that every line's end is
    /// known as an offset in the file.
    static func transcoded(
        _ bytes: RawSpan, from start: Int, _ stream: StreamID, _ time: Timestamp, _ limits: LineLimits,
        _ transcoder: inout Transcoder?, _ cut: inout LineCut, _ output: inout LineOutput, isFinal: Bool,
        _ counts: inout LineCounts
    ) -> Int {
        guard let unit = transcoder?.unitSize else { return start }
        var position = start
        while !output.isFull {
            let end = transcoder?.lineEnd(bytes, from: position)
            if end == nil && !isFinal {
                let rest = bytes.slice(position, bytes.byteCount)
                guard rest.byteCount > limits.maxLineSize.multipliedReportingOverflow(by: unit).partialValue,
                    let length = transcoder?.pieceLength(rest, limits.maxLineSize)
                else { break }
                output.text.removeAll()
                transcoder?.append(rest.slice(0, length), to: &output.text)
                output.piecesOfText(stream, time, limits, &cut)
                position += length
                continue
            }
            if end == nil, position == bytes.byteCount, cut.parts == 0 { break }
            output.text.removeAll()
            let textEnd = end.map { $0 - unit } ?? bytes.byteCount
            transcoder?.append(bytes.slice(position, textEnd), to: &output.text)
            output.finishText(stream, time, limits, &cut)
            counts.lines += 1
            position = end ?? bytes.byteCount
            if end == nil { break }
        }
        return position
    }
}

extension LineOutput {
    /// Gives out `text`, without the carriage return at its end, as a line or as the end of one.
    mutating func finishText(_ stream: StreamID, _ time: Timestamp, _ limits: LineLimits, _ cut: inout LineCut) {
        // Taken out and put back: a span of a stored property borrows all of self.
        var line = ByteBuffer()
        swap(&line, &text)
        var end = line.count
        if end > 0, line.bytes.byte(at: end - 1) == 0x0d { end -= 1 }
        finish(line.bytes.slice(0, end), stream, time, limits, &cut)
        swap(&line, &text)
    }

    /// Gives out all of `text` as pieces of a line that goes on.
    mutating func piecesOfText(_ stream: StreamID, _ time: Timestamp, _ limits: LineLimits, _ cut: inout LineCut) {
        var line = ByteBuffer()
        swap(&line, &text)
        if line.count > 0 { _ = pieces(line.bytes, stream, time, limits, &cut, isEnd: true) }
        swap(&line, &text)
    }
}

extension Transcoder {
    /// The length of a UTF-16 byte-order mark at the beginning of `head`.
    func markLength(_ head: RawSpan) -> Int {
        guard head.byteCount >= 2 else { return 0 }
        let pair = (head.byte(at: 0), head.byte(at: 1))
        return pair == (0xff, 0xfe) || pair == (0xfe, 0xff) ? 2 : 0
    }

    /// Where to cut a long line so that the piece is of at most about `limit` bytes as UTF-8, and no character is split.
    func pieceLength(_ line: RawSpan, _ limit: Int) -> Int {
        // Two bytes of UTF-16 become three at most; one byte of anything else, three.
        let room = unitSize == 2 ? limit / 3 * 2 : limit / 3
        guard case .other = encoding else { return cut(line, at: max(room, 4)) }
        // No byte of a longer character is as low as the space, in any encoding that has ASCII in it.
        let end = min(max(room, 4), line.byteCount)
        var space = end
        while space > 1, space > end - 4096, line.byte(at: space - 1) != 0x20 { space -= 1 }
        return line.byte(at: space - 1) == 0x20 ? space : end
    }
}
