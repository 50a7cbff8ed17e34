import Bytes
import Glibc
import Telemetry

/// TCP sockets by state, over netlink (sock_diag(7)): of those who look at each socket the cheapest.
struct TCPStatCollector: Collector {
    static let description = CollectorDescription("tcpstat", "TCP sockets by state.", isEnabledByDefault: false) {
        TCPStatCollector($0)
    }

    /// As the kernel numbers them, from 1 (net/tcp_states.h).
    private static let states: [StaticString] = [
        "established", "syn_sent", "syn_recv", "fin_wait1", "fin_wait2", "time_wait", "close", "close_wait", "last_ack",
        "listen", "closing",
    ]

    private let socket = NetlinkSocket(.socketDiagnosis)

    init(_ context: CollectorContext) {}

    private struct Sums {
        var states = InlineArray<12, Int>(repeating: 0)
        var sockets = 0
        var receiving: UInt64 = 0
        var sending: UInt64 = 0
    }

    mutating func collect(into batch: inout SampleBatch, reader: inout HostReader) throws {
        var sums = Sums()
        try add(AF_INET, to: &sums, reader: &reader)
        do throws(HostFileError) {
            try add(AF_INET6, to: &sums, reader: &reader)
        } catch {
            // No IPv6 here.
            guard error.isAbsent else { throw error }
        }
        let family = batch.family(
            "node_tcp_connection_states", .gauge, "TCP sockets in each state, and bytes that wait in them.")
        for (index, state) in Self.states.enumerated() where sums.states[index + 1] > 0 {
            batch.sample(family, batch.labels("state", state), Double(sums.states[index + 1]))
        }
        guard sums.sockets > 0 else { return }
        if sums.states[0] > 0 {
            batch.sample(family, batch.labels("state", "unknown" as StaticString), Double(sums.states[0]))
        }
        batch.sample(family, batch.labels("state", "rx_queued_bytes" as StaticString), Double(sums.receiving))
        batch.sample(family, batch.labels("state", "tx_queued_bytes" as StaticString), Double(sums.sending))
    }

    private func add(_ addresses: Int32, to sums: inout Sums, reader: inout HostReader) throws(HostFileError) {
        // struct inet_diag_req_v2: family, protocol, extensions, padding, states, then which socket: any.
        var body = ByteBuffer(capacity: 56)
        body.append(UInt8(addresses))
        body.append(UInt8(IPPROTO_TCP))
        body.append(littleEndian: UInt16(0))
        body.append(littleEndian: UInt32(0xfff))
        for _ in 0..<6 { body.append(littleEndian: UInt64(0)) }
        try socket.request(20, body)
        while try socket.receive(&reader) {
            var messages = NetlinkCursor(reader.text, sequence: socket.sequence)
            while messages.next() {
                // struct inet_diag_msg.
                let message = messages.payload
                guard let receiving = message.load(littleEndian: 56, as: UInt32.self),
                    let sending = message.load(littleEndian: 60, as: UInt32.self)
                else { continue }
                let state = Int(message.byte(at: 1))
                sums.states[state < 12 ? state : 0] += 1
                sums.sockets += 1
                sums.receiving += UInt64(receiving)
                sums.sending += UInt64(sending)
            }
            try socket.end(isDone: messages.isDone, code: messages.code)
        }
    }
}
