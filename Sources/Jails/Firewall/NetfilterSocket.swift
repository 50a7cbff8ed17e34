import Bytes
import CNFTables
import Glibc

/// What the kernel refused.
struct NetfilterError: Error, CustomStringConvertible, Equatable {
    /// errno
    var code: Int32
    var doing: String

    var description: String {
        switch code {
        case EPERM, EACCES:
            "\(doing): not permitted; the firewall needs CAP_NET_ADMIN (AmbientCapabilities= of the unit)"
        case EPROTONOSUPPORT, EAFNOSUPPORT:
            "\(doing): this kernel has no nf_tables; load the module nf_tables, or ban by an action of fail2ban's"
        case EOPNOTSUPP:
            "\(doing): this kernel's nf_tables lacks what the rules need (Linux 5.9 for `reject`)"
        default: "\(doing): \(String(cString: strerror(code)))"
        }
    }
}

/// A netlink socket to nf_tables: transactions, questions, dumps. Not safe from several threads at once.
final class NetfilterSocket {
    private let descriptor: Int32
    /// By which the kernel tells what was changed through it.
    let port: UInt32
    private var sequence: UInt32 = 0
    private var answer = ByteBuffer()

    /// The kernel packs up to 32 KiB into one answer if it gets the room; one element never takes more.
    private static let room = 64 << 10

    init() throws(NetfilterError) {
        var port: UInt32 = 0
        descriptor = cnftables_open(&port)
        self.port = port
        if descriptor < 0 { throw NetfilterError(code: -descriptor, doing: "opening a netlink socket") }
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    func batch(table: String) -> NetfilterBatch { NetfilterBatch(table: table, after: sequence) }

    /// Has the kernel do all of it or nothing. The error is that of the first message that failed.
    func commit(_ batch: consuming NetfilterBatch) throws(NetfilterError) {
        guard batch.count > 0 else { return }
        batch.finish()
        sequence = batch.lastSequence &+ 1
        try send(batch.buffer, doing: "changing the firewall")
        var problem: Int32 = 0
        var isAnswered = false
        // All answers are there when the kernel has taken the messages.
        while try receive(waits: false, doing: "changing the firewall") {
            var messages = NetlinkCursor(answer.bytes, sequence: nil)
            while messages.next() {
                guard messages.type == UInt16(NLMSG_ERROR),
                    messages.sequence &- batch.firstSequence <= UInt32(batch.count)
                else { continue }
                if problem == 0 { problem = messages.code }
                if messages.sequence == batch.lastSequence { isAnswered = true }
            }
        }
        if problem == 0, !isAnswered { problem = EIO }
        if problem != 0 { throw NetfilterError(code: problem, doing: "changing the firewall") }
    }

    /// Each message of a dump, or of the answer about one thing. Asked again where the dump was overtaken by a change; `begin` is
    /// called before each try.
    /// - Returns: false where there is no such thing.
    @discardableResult
    func ask(
        _ type: nf_tables_msg_types, isDump: Bool, _ body: borrowing ByteBuffer, begin: () -> Void = {},
        _ use: (UInt16, RawSpan) -> Void
    ) throws(NetfilterError) -> Bool {
        for _ in 0..<Self.mostTries {
            begin()
            sequence &+= 1
            var question = ByteBuffer()
            NetfilterBatch.header(
                UInt16(NFNL_SUBSYS_NFTABLES) << 8 | UInt16(type.rawValue), isDump ? NLM_F_DUMP : NLM_F_ACK, sequence,
                &question)
            question.append(body.bytes)
            question.overwrite(at: 0, littleEndian: UInt32(question.count))
            try send(question, doing: "reading the firewall")
            var isInterrupted = false
            var end: Int32?
            while end == nil {
                _ = try receive(waits: true, doing: "reading the firewall")
                var messages = NetlinkCursor(answer.bytes, sequence: sequence)
                while messages.next() {
                    if messages.flags & UInt16(NLM_F_DUMP_INTR) != 0 { isInterrupted = true }
                    use(messages.type & 0xff, messages.payload)
                }
                if messages.isDone { end = messages.code }
            }
            if end == ENOENT { return false }
            if let end, end != 0, end != EINTR { throw NetfilterError(code: end, doing: "reading the firewall") }
            if !isInterrupted, end == 0 { return true }
        }
        throw NetfilterError(code: EBUSY, doing: "reading the firewall, which others change all the time")
    }

    private static let mostTries = 10

    private func send(_ bytes: borrowing ByteBuffer, doing: String) throws(NetfilterError) {
        let code = bytes.bytes.withUnsafeBytes { cnftables_send(descriptor, $0.baseAddress, $0.count) }
        if code != 0 { throw NetfilterError(code: code, doing: doing) }
    }

    private func receive(waits: Bool, doing: String) throws(NetfilterError) -> Bool {
        answer.removeAll()
        var code = 0
        _ = answer.appendUninitialized(atLeast: Self.room) { room in
            code = cnftables_receive(descriptor, room.baseAddress, room.count, waits ? 1 : 0)
            return max(0, code)
        }
        if code < 0 { throw NetfilterError(code: Int32(-code), doing: doing) }
        return code > 0
    }
}
