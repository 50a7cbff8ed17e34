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

/// Walks the messages of one part of an answer. The bytes are the kernel's, in the host's order, which is little-endian
/// on all that we run on; lengths that lead outside end the walk.
struct NetlinkCursor: ~Escapable {
    private let text: RawSpan
    private let sequence: UInt32
    private var offset = 0
    private(set) var type: UInt16 = 0
    private var start = 0
    private var end = 0
    /// Whether the answer ends here.
    private(set) var isDone = false
    /// The errno that the kernel answered with; 0 for none.
    private(set) var code: Int32 = 0

    @_lifetime(copy text)
    init(_ text: RawSpan, sequence: UInt32) {
        self.text = text
        self.sequence = sequence
    }

    /// `struct nlmsghdr`: length, type, flags, sequence, port.
    mutating func next() -> Bool {
        while !isDone, let length = text.load(littleEndian: offset, as: UInt32.self).map({ Int($0) }), length >= 16,
            length <= text.byteCount - offset, let type = text.load(littleEndian: offset + 4, as: UInt16.self),
            let sequence = text.load(littleEndian: offset + 8, as: UInt32.self)
        {
            start = offset + 16
            end = offset + length
            offset = min(text.byteCount, offset + (length + 3) & ~3)
            guard sequence == self.sequence else { continue }
            // NLMSG_ERROR and NLMSG_DONE both carry a negative errno, or 0.
            if type == 2 || type == 3 {
                isDone = true
                code = text.load(littleEndian: start, as: Int32.self).map { $0 < 0 && $0 > -4096 ? -$0 : 0 } ?? 0
                return false
            }
            self.type = type
            return true
        }
        return false
    }

    /// What stands behind the header.
    var payload: RawSpan {
        @_lifetime(copy self)
        get { text.extracting(start..<end) }
    }
}

/// Walks attributes: a length and a kind of two bytes each, then the value.
struct NetlinkAttributes: ~Escapable {
    private let text: RawSpan
    private var offset: Int
    private(set) var kind: UInt16 = 0
    private var start = 0
    private var end = 0

    /// Attributes begin at `offset`.
    @_lifetime(copy text)
    init(_ text: RawSpan, from offset: Int) {
        self.text = text
        self.offset = offset
    }

    mutating func next() -> Bool {
        guard let length = text.load(littleEndian: offset, as: UInt16.self).map({ Int($0) }), length >= 4,
            length <= text.byteCount - offset, let kind = text.load(littleEndian: offset + 2, as: UInt16.self)
        else { return false }
        start = offset + 4
        end = offset + length
        offset = min(text.byteCount, offset + (length + 3) & ~3)
        // The two highest bits say how the value is written.
        self.kind = kind & 0x3fff
        return true
    }

    var value: RawSpan {
        @_lifetime(copy self)
        get { text.extracting(range) }
    }

    /// Where the value lies.
    var range: Range<Int> { start..<end }
}
