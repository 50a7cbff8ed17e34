import Bytes
import Telemetry

struct LineCounts {
    var lines = 0
    var malformed = 0
}

/// Splits text into lines.
enum LineSplitter {
    /// Gives out the lines of `bytes` from `start` until the writer is full; returns where the first line begins that
    /// was not given out. A line longer than the limit goes in pieces as it comes.
    static func plain(
        _ bytes: RawSpan, from start: Int, _ stream: StreamID, _ time: Timestamp, _ limits: LineLimits,
        _ cut: inout LineCut, _ output: inout LineOutput, isFinal: Bool, _ counts: inout LineCounts
    ) -> Int {
        var position = start
        while !output.isFull {
            guard let newline = bytes.firstIndex(of: 0x0a, from: position) else {
                let rest = bytes.slice(position, bytes.byteCount)
                if isFinal, rest.byteCount > 0 || cut.parts > 0 {
                    output.finish(rest, stream, time, limits, &cut)
                    counts.lines += 1
                    return bytes.byteCount
                }
                guard rest.byteCount > limits.maxLineSize else { break }
                return position + output.pieces(rest, stream, time, limits, &cut, isEnd: false)
            }
            var end = newline
            if end > position, bytes.byte(at: end - 1) == 0x0d { end -= 1 }
            output.finish(bytes.slice(position, end), stream, time, limits, &cut)
            counts.lines += 1
            position = newline + 1
        }
        return position
    }
}
