import Bytes
import CLinux
import Glibc

/// A netlink socket that is kept open and asked for one dump at a time (netlink(7)).
///
///     try links.request(type, body)
///     while try links.receive(&reader) {
///         var messages = NetlinkCursor(reader.text, sequence: links.sequence)
///         while messages.next() { use(messages.payload) }
///         try links.end(messages)
///     }
final class NetlinkSocket {
    /// What it talks to: the numbers of linux/netlink.h.
    enum Kind: Int32 {
        case route = 0
        case socketDiagnosis = 4
    }

    private let kind: Kind
    private var descriptor: Int32 = -1
    /// Of the dump asked for last.
    private(set) var sequence: UInt32 = 0
    private var isAtEnd = true

    /// Bytes for one answer; the kernel packs up to 32 KiB into each if it gets the room.
    private static let room = 64 << 10
    /// Seconds after which the kernel's answer is given up.
    private static let patience: Int32 = 5

    /// The socket is opened by the first request.
    init(_ kind: Kind) { self.kind = kind }

    deinit { if descriptor >= 0 { close(descriptor) } }

    /// Asks for a dump of `type`; `body` is what stands behind the header.
    func request(_ type: UInt16, _ body: borrowing ByteBuffer) throws(HostFileError) {
        // An answer not read to its end would come first.
        if !isAtEnd { reset() }
        if descriptor < 0 {
            descriptor = clinux_netlink_open(kind.rawValue, Self.patience)
            guard descriptor >= 0 else { throw HostFileError(path: "netlink", code: -descriptor) }
        }
        sequence &+= 1
        let code = body.bytes.withUnsafeBytes {
            clinux_netlink_dump(descriptor, type, sequence, $0.baseAddress, $0.count)
        }
        guard code == 0 else {
            reset()
            throw HostFileError(path: "netlink", code: code)
        }
        isAtEnd = false
    }

    /// Makes the next part of the answer the reader's text; false at the end.
    func receive(_ reader: inout HostReader) throws(HostFileError) -> Bool {
        if isAtEnd { return false }
        do throws(HostFileError) {
            try reader.load("netlink", room: Self.room) {
                Int(clinux_netlink_receive(descriptor, $0.baseAddress, $0.count))
            }
        } catch {
            reset()
            throw error
        }
        return true
    }

    /// Tells how a part ended, as its cursor saw it.
    func end(isDone: Bool, code: Int32) throws(HostFileError) {
        if isDone { isAtEnd = true }
        guard code == 0 else {
            reset()
            throw HostFileError(path: "netlink", code: code)
        }
    }

    private func reset() {
        if descriptor >= 0 { close(descriptor) }
        descriptor = -1
        isAtEnd = true
    }
}
