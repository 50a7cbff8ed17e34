import Bytes
import CLinux
import Glibc
import Telemetry

/// A DNS query to one server.
struct DNSProbe: Probe {
    enum Transport: String, Sendable, CaseIterable {
        case udp, tcp
    }

    /// The name that is asked for.
    let target: String
    /// Whom to ask; nil for the first name server of `/etc/resolv.conf`.
    let server: HostAndPort?
    let type: DNSMessage.RecordType
    let transport: Transport
    let preference: AddressPreference
    /// Names of response codes that are a success.
    let validCodes: [String]
    /// Must match one of the answers, as `name TTL IN type data`.
    let answerPattern: Regex?

    func run(_ round: inout ProbeRound) throws(ProbeFailure) {
        let start = Timestamp.monotonic
        guard let server = server ?? Self.systemServer() else {
            throw ProbeFailure("no server is given and /etc/resolv.conf names none")
        }
        var address = try round.resolve(server.host, preference).raw
        let resolved = Timestamp.monotonic
        phase(&round, "resolve", resolved.seconds(since: start))
        let descriptor =
            transport == .udp
            ? clinux_udp_connect(&address, server.port)
            : clinux_tcp_connect(&address, server.port, round.millisecondsLeft)
        guard descriptor >= 0 else { throw ProbeFailure("connecting to \(server.host)", code: -descriptor) }
        defer { close(descriptor) }
        let connected = Timestamp.monotonic
        phase(&round, "connect", connected.seconds(since: resolved))
        let answer: DNSMessage
        do throws(ProbeFailure) {
            answer = try ask(descriptor, round.deadline)
        } catch {
            outcome(&round, nil)
            throw error
        }
        phase(&round, "request", Timestamp.monotonic.seconds(since: connected))
        outcome(&round, answer)
        try judge(answer)
    }

    private func phase(_ round: inout ProbeRound, _ name: String, _ seconds: Double) {
        round.gauge("probe_dns_duration_seconds", "Seconds that a phase of the probe took.", seconds, ["phase": name])
    }

    private func outcome(_ round: inout ProbeRound, _ answer: DNSMessage?) {
        round.gauge("probe_dns_query_succeeded", "Whether the server answered at all.", answer == nil ? 0 : 1)
        guard let answer else { return }
        round.gauge("probe_dns_answer_rrs", "Records in the answer section.", Double(answer.answers.count))
        round.gauge("probe_dns_authority_rrs", "Records in the authority section.", Double(answer.authorityCount))
        round.gauge("probe_dns_additional_rrs", "Records in the additional section.", Double(answer.additionalCount))
        if type == .soa, let serial = answer.answers.compactMap(\.serial).first {
            round.gauge("probe_dns_serial", "Serial number of the zone.", Double(serial))
        }
    }

    private func judge(_ answer: DNSMessage) throws(ProbeFailure) {
        let code = DNSMessage.name(of: answer.responseCode)
        guard validCodes.contains(code) else {
            throw ProbeFailure("the server answered \(code), expected \(validCodes.joined(separator: " or "))")
        }
        guard let answerPattern else { return }
        let isFound = answer.answers.contains { record in
            let type = DNSMessage.RecordType.allCases.first { $0.code == record.type }?.rawValue ?? "TYPE\(record.type)"
            return answerPattern.isMatch("\(record.name) \(record.ttl) IN \(type) \(record.text)")
        }
        if !isFound { throw ProbeFailure("no answer matches \(answerPattern.pattern)") }
    }

    private func ask(_ descriptor: Int32, _ deadline: Timestamp) throws(ProbeFailure) -> DNSMessage {
        let identity = UInt16.random(in: .min ... .max)
        guard let query = DNSMessage.query(target, type, identity: identity, isRecursive: true) else {
            throw ProbeFailure("\"\(target)\" is no domain name")
        }
        var message = query
        if transport == .tcp { message = [UInt8(query.count >> 8), UInt8(query.count & 0xff)] + query }
        let sent = message.withUnsafeBytes { send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
        guard sent == message.count else { throw ProbeFailure("sending the query", code: sent < 0 ? errno : EMSGSIZE) }
        var input = ByteBuffer()
        while true {
            try receive(descriptor, &input, deadline)
            let answer: DNSMessage?
            if transport == .udp {
                answer = DNSMessage(input.bytes)
                input.removeAll()
            } else {
                guard input.count >= 2 else { continue }
                let length = Int(input.bytes.byte(at: 0)) << 8 | Int(input.bytes.byte(at: 1))
                guard input.count >= 2 + length else { continue }
                answer = DNSMessage(input.bytes.extracting(2..<(2 + length)))
                if answer == nil { throw ProbeFailure("the answer is no DNS message") }
                input.removeAll()
            }
            // What others send to our port is not the answer.
            if let answer, answer.isResponse, answer.identity == identity { return answer }
        }
    }

    /// Waits for bytes and appends them.
    private func receive(
        _ descriptor: Int32, _ input: inout ByteBuffer, _ deadline: Timestamp
    ) throws(ProbeFailure) {
        var poll = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        while true {
            let left = deadline.seconds(since: .monotonic)
            guard left > 0 else { throw ProbeFailure("the server did not answer in time") }
            guard Glibc.poll(&poll, 1, Int32(clamping: Int(left * 1000) + 1)) > 0 else { continue }
            var code: Int32 = 0
            let got = input.appendUninitialized(atLeast: 65536) { room -> Int in
                let got = recv(descriptor, room.baseAddress, room.count, 0)
                if got < 0 { code = errno }
                return max(0, got)
            }
            if code == EAGAIN || code == EINTR { continue }
            if code != 0 { throw ProbeFailure("the server", code: code) }
            if got == 0, transport == .tcp { throw ProbeFailure("the server closed the connection") }
            return
        }
    }

    private static func systemServer() -> HostAndPort? {
        var reader = HostReader()
        guard (try? reader.load(HostFile("/etc/resolv.conf"))) != nil else { return nil }
        var lines = LineCursor(reader.text)
        while lines.next() {
            var fields = FieldCursor(lines.line)
            if fields.next(), fields.field.equals("nameserver" as StaticString), fields.next() {
                let text = String(lossy: fields.field)
                return HostAndPort(text.contains(":") ? "[\(text)]" : text, defaultPort: 53)
            }
        }
        return nil
    }
}
