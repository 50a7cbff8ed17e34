import Bytes
import CLinux
import Glibc
import Telemetry

/// One echo request and its reply (RFC 792, RFC 4443).
struct ICMPProbe: Probe {
    let target: String
    let preference: AddressPreference
    /// Bytes of the request behind its header.
    var payloadSize = 28

    func run(_ round: inout ProbeRound) throws(ProbeFailure) {
        let start = Timestamp.monotonic
        var address = try round.resolve(target, preference).raw
        let resolved = Timestamp.monotonic
        phase(&round, "resolve", resolved.seconds(since: start))
        var isRaw: Int32 = 0
        let descriptor = clinux_echo_socket(&address, &isRaw)
        guard descriptor >= 0 else {
            throw ProbeFailure(
                "an ICMP socket (give the agent CAP_NET_RAW or its group a place in net.ipv4.ping_group_range)",
                code: -descriptor)
        }
        defer { close(descriptor) }
        let identity = UInt16.random(in: 1...UInt16.max)
        let request = EchoPacket.request(version: Int(address.version), identity: identity, sequence: 1, payloadSize)
        let opened = Timestamp.monotonic
        phase(&round, "setup", opened.seconds(since: resolved))
        let code = request.bytes.withUnsafeBytes { clinux_echo_send(descriptor, &address, $0.baseAddress, $0.count) }
        guard code == 0 else { throw ProbeFailure("sending to \(target)", code: code) }
        let hops = try awaitReply(descriptor, isRaw, &address, request, round.deadline)
        phase(&round, "rtt", Timestamp.monotonic.seconds(since: opened))
        if hops >= 0 {
            round.gauge(
                "probe_icmp_reply_hop_limit", "TTL or hop limit that the reply still had.", Double(hops))
        }
    }

    private func phase(_ round: inout ProbeRound, _ name: String, _ seconds: Double) {
        round.gauge(
            "probe_icmp_duration_seconds", "Seconds that a phase of the probe took.", seconds, ["phase": name])
    }

    /// Waits for the reply to `request`; returns its hop limit.
    private func awaitReply(
        _ descriptor: Int32, _ isRaw: Int32, _ address: inout clinux_address, _ request: borrowing EchoPacket,
        _ deadline: Timestamp
    ) throws(ProbeFailure) -> Int32 {
        var answer = ByteBuffer()
        while true {
            answer.removeAll()
            var hops: Int32 = -1
            var code: Int32 = 0
            let milliseconds = Int32(clamping: Int(deadline.seconds(since: .monotonic) * 1000))
            let got = answer.appendUninitialized(atLeast: 2048) { room -> Int in
                let got = clinux_echo_receive(
                    descriptor, isRaw, &address, room.baseAddress, room.count, max(0, milliseconds), &hops)
                if got < 0 { code = -got }
                return max(0, Int(got))
            }
            if code == ETIMEDOUT { throw ProbeFailure("\(target) did not answer in time") }
            if code != 0 { throw ProbeFailure("\(target)", code: code) }
            if got > 0, request.isAnswered(by: answer.bytes, isIdentityKnown: isRaw != 0) { return hops }
        }
    }
}

/// An echo request.
struct EchoPacket: ~Copyable {
    private let buffer: ByteBuffer
    private let replyType: UInt8

    var bytes: RawSpan {
        @_lifetime(borrow self)
        get { buffer.bytes }
    }

    static func request(version: Int, identity: UInt16, sequence: UInt16, _ payloadSize: Int) -> EchoPacket {
        var buffer = ByteBuffer()
        buffer.append(version == 4 ? 8 : 128)
        buffer.append(0)
        // The checksum; for IPv6 the kernel fills it in, for an unprivileged socket it does so for both.
        buffer.append(littleEndian: UInt16(0))
        buffer.append(littleEndian: identity.bigEndian)
        buffer.append(littleEndian: sequence.bigEndian)
        for index in 0..<payloadSize { buffer.append(UInt8(truncatingIfNeeded: 0x61 + index % 23)) }
        buffer.overwrite(at: 2, littleEndian: checksum(buffer.bytes))
        return EchoPacket(buffer: buffer, replyType: version == 4 ? 0 : 129)
    }

    /// Whether `packet` is the reply: the same sequence and payload and, where the kernel did not choose it, the same
    /// identity.
    func isAnswered(by packet: RawSpan, isIdentityKnown: Bool) -> Bool {
        guard packet.byteCount == buffer.count, packet.byte(at: 0) == replyType, packet.byte(at: 1) == 0 else {
            return false
        }
        // Two bytes of checksum lie before the identity; the kernel has checked it.
        let from = isIdentityKnown ? 4 : 6
        return packet.extracting(from..<packet.byteCount).equals(buffer.bytes.extracting(from..<buffer.count))
    }

    /// RFC 1071, in the order in which it is stored.
    static func checksum(_ bytes: RawSpan) -> UInt16 {
        var sum: UInt32 = 0
        var offset = 0
        while offset + 1 < bytes.byteCount {
            sum += UInt32(bytes.load(littleEndian: offset, as: UInt16.self) ?? 0)
            offset += 2
        }
        if offset < bytes.byteCount { sum += UInt32(bytes.byte(at: offset)) }
        while sum > 0xffff { sum = sum & 0xffff + sum >> 16 }
        return ~UInt16(sum)
    }
}
