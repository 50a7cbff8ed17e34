import Bytes
import Telemetry
import TestSupport
import Testing

@testable import Logs

@Suite("docker API formats")
struct DockerAPIFormatTests {
    /// The body of an answer fed in pieces of `size` bytes.
    private func parse(_ answer: String, size: Int) throws -> (body: String, status: Int, isDone: Bool, mayClose: Bool)
    {
        var parser = HTTPResponseParser()
        var body = ByteBuffer()
        var rest = Array(answer.utf8)[...]
        while !rest.isEmpty {
            parser.input.append(Array(rest.prefix(size)))
            rest = rest.dropFirst(size)
            try parser.drain(into: &body)
        }
        return (String(lossy: body.bytes), parser.status, parser.isDone, parser.mayClose)
    }

    @Test("answers are taken apart however their bytes come", arguments: [1, 2, 7, 1000])
    func answers(_ size: Int) throws {
        let chunked = try parse(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n10;x=y\r\n0123456789abcdef\r\n0\r\nA: b\r\n\r\n",
            size: size)
        #expect(chunked.body == "hello0123456789abcdef" && chunked.status == 200 && chunked.isDone)
        let length = try parse(
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 404 No\r\nContent-Length: 3\r\n\r\nabcd", size: size)
        #expect(length.body == "abc" && length.status == 404 && length.isDone)
        let open = try parse("HTTP/1.0 200 OK\r\n\r\nabc", size: size)
        #expect(open.body == "abc" && !open.isDone && open.mayClose)
        let cut = try parse("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel", size: size)
        #expect(!cut.isDone && !cut.mayClose)
    }

    @Test(
        "what is not HTTP is refused at once",
        arguments: [
            "SSH-2.0-OpenSSH_9.2\r\n", "HTTP/1.1 x\r\n\r\n", "HTTP/1.1 200\r\nContent-Length: -1\r\n\r\n",
            "HTTP/1.1 200\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
            "HTTP/1.1 200\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n",
            "HTTP/1.1 200\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n",
        ])
    func refused(_ answer: String) {
        #expect(throws: DockerAPIError.self) { try self.parse(answer, size: 1000) }
    }

    private static let stamp = "2026-11-21T01:32:36.413231269Z "
    private static let later = "2026-11-21T01:32:37.413231269Z "

    static func frame(_ stream: UInt8, _ text: String) -> [UInt8] {
        let count = UInt32(text.utf8.count)
        return [stream, 0, 0, 0] + withUnsafeBytes(of: count.bigEndian) { Array($0) } + Array(text.utf8)
    }

    private func lines(_ bytes: [UInt8], size: Int = 1000, isTerminal: Bool = false, cap: Int = 1 << 20) throws
        -> [String]
    {
        var frames = DockerLogFrames(isTerminal: isTerminal, maxJoinedSize: cap)
        var line = ByteBuffer()
        var result: [String] = []
        var rest = bytes[...]
        while !rest.isEmpty {
            frames.body.append(Array(rest.prefix(size)))
            rest = rest.dropFirst(size)
            while let record = try frames.next(&line) {
                result.append("\(record.stream.name) \(String(lossy: line.bytes))\(frames.isTruncated ? " cut" : "")")
            }
        }
        frames.close()
        while let record = try frames.next(&line) {
            result.append("\(record.stream.name) \(String(lossy: line.bytes)) closed")
        }
        while let record = frames.rest(&line) {
            result.append("\(record.stream.name) \(String(lossy: line.bytes)) rest")
        }
        return result
    }

    @Test("frames become lines, pieces are joined per stream", arguments: [1, 9, 100_000])
    func frames(_ size: Int) throws {
        let full = String(repeating: "x", count: 16384)
        let bytes =
            Self.frame(2, Self.stamp + "b\n") + Self.frame(1, Self.stamp + full) + Self.frame(2, Self.stamp + "é\n")
            + Self.frame(1, Self.stamp + full) + Self.frame(1, Self.stamp + "end\n") + Self.frame(1, Self.stamp + "\n")
            // docker 20's local driver: the last piece has no newline.
            + Self.frame(1, Self.stamp + full) + Self.frame(1, Self.stamp + "short")
            + Self.frame(1, Self.stamp + full) + Self.frame(1, Self.later + "other\n")
            + Self.frame(2, Self.later + full)
        #expect(
            try lines(bytes, size: size) == [
                "stderr b", "stderr é", "stdout \(full)\(full)end", "stdout ", "stdout \(full)short", "stdout \(full)",
                "stdout other", "stderr \(full) rest",
            ])
    }

    @Test("a terminal's output comes without frames")
    func terminal() throws {
        #expect(
            try lines(Array("\(Self.stamp)one\r\n\(Self.later)\n".utf8), size: 5, isTerminal: true)
                == ["stdout one\r", "stdout "])
        let full = String(repeating: "x", count: 16384)
        let long = "\(Self.stamp)\(full)\(Self.stamp)\(full)\(Self.stamp)end\n\(Self.later)next\n"
        #expect(try lines(Array(long.utf8), isTerminal: true) == ["stdout \(full)\(full)end", "stdout next"])
        // docker 20's local driver: the end of a long line has no newline.
        let lost = "\(Self.stamp)\(full)\(Self.stamp)en\rd\r\(Self.later)next\r\n\(Self.later)last"
        #expect(
            try lines(Array(lost.utf8), isTerminal: true) == [
                "stdout \(full)en\rd\r", "stdout next\r", "stdout last closed",
            ])
    }

    @Test("a joined line has a cap")
    func cap() throws {
        let full = String(repeating: "x", count: 16384)
        let bytes =
            Self.frame(1, Self.stamp + full) + Self.frame(1, Self.stamp + "end\n") + Self.frame(1, Self.stamp + "y\n")
        #expect(try lines(bytes, cap: 10) == ["stdout xxxxxxxxxx cut", "stdout y"])
    }

    @Test("what is no log stream is refused")
    func noFrames() {
        #expect(throws: DockerAPIError.self) { try self.lines(Array("plain text instead".utf8)) }
        #expect(throws: DockerAPIError.self) { try self.lines(Self.frame(1, "no time stamp\n")) }
        #expect(throws: DockerAPIError.self) { try self.lines(Self.frame(3, "error from the daemon")) }
        #expect(throws: DockerAPIError.self) { try self.lines([1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]) }
    }

    @Test("going on from a position neither repeats nor skips a line")
    func position() throws {
        func admit(_ position: inout DockerLogPosition, _ time: Int64, _ text: String) -> Bool {
            let bytes = Array(text.utf8)
            return position.admit(
                ContainerRecord(time: Timestamp(nanoseconds: time), stream: .stdout, isPartial: false), bytes.span.bytes
            )
        }
        var position = DockerLogPosition()
        #expect(position.since == nil)
        for (time, text) in [(5, "a"), (10, "b"), (10, "b"), (9, "late"), (10, "c")] as [(Int64, String)] {
            let isNew = admit(&position, 1_000_000_000 + time, text)
            #expect(isNew)
        }
        #expect(position.since == "1.000000010")
        var restored = try #require(DockerLogPosition(encoded: position.encoded))
        #expect(restored == position)
        restored.beginReplay()
        // Written while nobody read: a third b, and an early line.
        let replay: [(Int64, String, Bool)] = [
            (10, "b", false), (10, "b", false), (9, "late", false), (10, "c", false), (10, "b", true),
            (8, "earlier", true), (11, "d", true), (10, "c", true),
        ]
        for (time, text, expected) in replay {
            let isNew = admit(&restored, 1_000_000_000 + time, text)
            #expect(isNew == expected, "\(time) \(text)")
        }
        #expect(DockerLogPosition(encoded: []) == nil)
        #expect(DockerLogPosition(encoded: [2, 0, 0, 0, 0, 0, 0, 0, 0]) == nil)
        #expect(DockerLogPosition(encoded: Array(position.encoded.dropLast())) == nil)
    }

    @Test("damaged streams never crash")
    func fuzz() {
        var random = SeededRandom(seed: SeededRandom.seed())
        let sample = Self.frame(1, Self.stamp + "hello\n") + Self.frame(2, Self.stamp + "world\n")
        let head = Array("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n".utf8)
        for _ in 0..<10_000 {
            var bytes = sample
            var answer = head
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                bytes[Int.random(in: 0..<bytes.count, using: &random)] = .random(in: 0...255, using: &random)
                answer[Int.random(in: 0..<answer.count, using: &random)] = .random(in: 0...255, using: &random)
            }
            _ = try? lines(
                bytes, size: Int.random(in: 1...100, using: &random), isTerminal: Bool.random(using: &random))
            _ = try? parse(String(decoding: answer, as: UTF8.self), size: Int.random(in: 1...60, using: &random))
        }
    }
}
