import Bytes
import CLinux
import Glibc
import Telemetry

/// A TCP connection and, where wanted, a talk: lines that are expected and answered, as blackbox_exporter's
/// `query_response`.
struct TCPProbe: Probe {
    /// One step of the talk: what must come (a pattern for one line), then what is sent (with a line end).
    struct Step: Sendable, Equatable {
        var expect: String?
        var send: String?
    }

    let target: String
    let endpoint: HostAndPort
    let preference: AddressPreference
    let steps: [Step]
    private let patterns: [Regex?]

    /// A line longer than this does not match.
    private static let longestLine = 64 << 10

    init(target: String, endpoint: HostAndPort, preference: AddressPreference, steps: [Step]) throws(RegexError) {
        self.target = target
        self.endpoint = endpoint
        self.preference = preference
        self.steps = steps
        var patterns: [Regex?] = []
        for step in steps { patterns.append(try step.expect.map { pattern throws(RegexError) in try Regex(pattern) }) }
        self.patterns = patterns
    }

    func run(_ round: inout ProbeRound) throws(ProbeFailure) {
        var address = try round.resolve(endpoint.host, preference).raw
        let descriptor = clinux_tcp_connect(&address, endpoint.port, round.millisecondsLeft)
        guard descriptor >= 0 else {
            round.regex(failed: false)
            throw ProbeFailure("connecting to \(target)", code: -descriptor)
        }
        defer { close(descriptor) }
        do throws(ProbeFailure) {
            try talk(descriptor, round.deadline)
        } catch {
            round.regex(failed: true)
            throw error
        }
        round.regex(failed: false)
    }

    private func talk(_ descriptor: Int32, _ deadline: Timestamp) throws(ProbeFailure) {
        var input = ByteBuffer()
        for (step, pattern) in zip(steps, patterns) {
            if let pattern { try expect(pattern, descriptor, &input, deadline) }
            if let text = step.send { try send(text + "\n", descriptor, deadline) }
        }
    }

    /// Reads lines until one matches.
    private func expect(
        _ pattern: Regex, _ descriptor: Int32, _ input: inout ByteBuffer, _ deadline: Timestamp
    ) throws(ProbeFailure) {
        while true {
            if let end = input.bytes.firstIndex(of: 0x0a) {
                let isMatch = pattern.isMatch(input.bytes.extracting(0..<end).trimmed)
                input.removeFirst(end + 1)
                if isMatch { return }
                continue
            }
            guard input.count < Self.longestLine else { throw ProbeFailure("a line of the answer is too long") }
            guard wait(descriptor, Int16(POLLIN), deadline) else {
                throw ProbeFailure("no line matched \(pattern.pattern) in time")
            }
            var code: Int32 = 0
            let got = input.appendUninitialized(atLeast: 4096) { room -> Int in
                let got = read(descriptor, room.baseAddress, room.count)
                if got < 0 { code = errno }
                return max(0, got)
            }
            if code == EAGAIN || code == EINTR { continue }
            if code != 0 { throw ProbeFailure("reading from \(target)", code: code) }
            if got == 0 { throw ProbeFailure("\(target) closed the connection before a line matched") }
        }
    }

    private func send(_ text: String, _ descriptor: Int32, _ deadline: Timestamp) throws(ProbeFailure) {
        var bytes = Array(text.utf8)[...]
        while !bytes.isEmpty {
            guard wait(descriptor, Int16(POLLOUT), deadline) else { throw ProbeFailure("\(target) takes nothing") }
            let sent = bytes.withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            if sent < 0 {
                if errno == EAGAIN || errno == EINTR { continue }
                throw ProbeFailure("writing to \(target)", code: errno)
            }
            bytes = bytes.dropFirst(sent)
        }
    }

    private func wait(_ descriptor: Int32, _ events: Int16, _ deadline: Timestamp) -> Bool {
        var poll = pollfd(fd: descriptor, events: events, revents: 0)
        while true {
            let left = deadline.seconds(since: .monotonic)
            if left <= 0 { return false }
            let ready = Glibc.poll(&poll, 1, Int32(clamping: Int(left * 1000) + 1))
            if ready > 0 { return true }
            if ready < 0, errno != EINTR { return false }
        }
    }
}
