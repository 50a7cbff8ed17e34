import Bytes

/// What dockerd's answers are refused for.
struct DockerAPIError: Error, CustomStringConvertible {
    var description: String
}

/// Takes an HTTP/1.1 answer apart as its bytes come (RFC 9112): status, then the body without its chunking.
struct HTTPResponseParser: ~Copyable {
    private static let headLimit = 64 << 10

    private enum State: Equatable {
        case head
        case chunkSize, chunk(left: Int), chunkEnd, trailers
        case body(left: Int)
        case untilClose
        case done
    }

    /// Bytes received and not yet understood; the connection appends to it.
    var input = ByteBuffer(capacity: 4096)
    /// 0 until the head has come.
    private(set) var status = 0
    private var state = State.head
    private var offset = 0

    var isDone: Bool { state == .done }
    /// Whether the peer's closing is a proper end.
    var mayClose: Bool { state == .done || state == .untilClose }

    /// Moves what is understood of the body to the end of `body`.
    mutating func drain(into body: inout ByteBuffer) throws(DockerAPIError) {
        while try step(&body) {}
        input.removeFirst(offset)
        offset = 0
    }

    private mutating func step(_ body: inout ByteBuffer) throws(DockerAPIError) -> Bool {
        switch state {
        case .head: return try head()
        case .chunkSize:
            guard let line = try line() else { return false }
            let digits = String(line.prefix { $0 != ";" }.filter { $0 != " " })
            guard let size = Int(digits, radix: 16), size >= 0, size < 1 << 40 else {
                throw DockerAPIError(description: "expected the size of a chunk in docker's answer, found \"\(line)\"")
            }
            state = size == 0 ? .trailers : .chunk(left: size)
        case .chunk(let left):
            let taken = take(left, &body)
            guard taken > 0 else { return false }
            state = taken == left ? .chunkEnd : .chunk(left: left - taken)
        case .chunkEnd:
            guard let line = try line() else { return false }
            guard line.isEmpty else {
                throw DockerAPIError(description: "expected the end of a chunk in docker's answer, found \"\(line)\"")
            }
            state = .chunkSize
        case .trailers:
            guard let line = try line() else { return false }
            if line.isEmpty { state = .done }
        case .body(let left):
            let taken = take(left, &body)
            if taken < left {
                state = .body(left: left - taken)
                return false
            }
            state = .done
        case .untilClose: return take(.max, &body) > 0
        case .done: return false
        }
        return true
    }

    private mutating func take(_ most: Int, _ body: inout ByteBuffer) -> Int {
        let count = min(most, input.count - offset)
        body.append(input.bytes.slice(offset, offset + count))
        offset += count
        return count
    }

    /// The next line without its end; nil where it has not come whole.
    private mutating func line() throws(DockerAPIError) -> String? {
        guard let end = input.bytes.firstIndex(of: 0x0a, from: offset) else {
            guard input.count - offset <= Self.headLimit else {
                throw DockerAPIError(description: "the head of docker's answer passes \(Self.headLimit) bytes")
            }
            return nil
        }
        var line = input.bytes.slice(offset, end)
        if line.byteCount > 0, line.byte(at: line.byteCount - 1) == 0x0d { line = line.slice(0, line.byteCount - 1) }
        let text = String(lossy: line.slice(0, min(line.byteCount, 4096)))
        offset = end + 1
        return text
    }

    /// Whether the whole head is there. A peer that speaks something else is told from its first bytes.
    private static func hasHead(_ input: borrowing ByteBuffer, from offset: Int) throws(DockerAPIError) -> Bool {
        let rest = input.bytes.slice(offset, input.count)
        let begin = [UInt8](rest.slice(0, min(rest.byteCount, 5)))
        guard "HTTP/".utf8.starts(with: begin) else {
            let found = String(lossy: rest.slice(0, min(rest.byteCount, 32)))
            throw DockerAPIError(description: "expected an HTTP answer, found \"\(printable(found))\"")
        }
        if rest.hasHeadEnd { return true }
        guard rest.byteCount <= headLimit else {
            throw DockerAPIError(description: "the head of docker's answer passes \(headLimit) bytes")
        }
        return false
    }

    private static func printable(_ text: String) -> String {
        String(text.unicodeScalars.map { $0.value >= 0x20 && $0.value < 0x7f ? Character($0) : "." })
    }

    private mutating func head() throws(DockerAPIError) -> Bool {
        guard try Self.hasHead(input, from: offset) else { return false }
        guard let first = try line() else { return false }
        let words = first.split(separator: " ")
        guard words.count >= 2, let code = Int(words[1]), (100..<600).contains(code) else {
            throw DockerAPIError(description: "expected an HTTP status, found \"\(first)\"")
        }
        var next = State.untilClose
        while let header = try line(), !header.isEmpty {
            let lowered = header.lowercased()
            if lowered.hasPrefix("transfer-encoding:"), lowered.hasSuffix("chunked") { next = .chunkSize }
            if lowered.hasPrefix("content-length:"), next != .chunkSize {
                guard let length = Int(lowered.dropFirst(15).filter { $0 != " " }), length >= 0 else {
                    throw DockerAPIError(description: "expected a length in docker's answer, found \"\(header)\"")
                }
                next = .body(left: length)
            }
        }
        // 1xx answers are followed by the real one.
        guard code >= 200 else { return true }
        status = code
        state = code == 204 || code == 304 ? .done : next
        return true
    }
}

extension RawSpan {
    /// Whether there is an empty line in it.
    fileprivate var hasHeadEnd: Bool {
        let crlf: [UInt8] = [0x0d, 0x0a, 0x0d, 0x0a]
        let lf: [UInt8] = [0x0a, 0x0a]
        return firstRange(of: crlf.span.bytes) != nil || firstRange(of: lf.span.bytes) != nil
    }
}
