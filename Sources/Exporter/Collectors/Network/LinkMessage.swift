import Bytes

/// What rtnetlink tells of a network device: a message `RTM_NEWLINK` (rtnetlink(7), linux/if_link.h).
///
/// What sysfs shows otherwise is given as sysfs has it, so that both ways lead to the same samples.
struct LinkMessage: ~Escapable {
    let message: RawSpan
    /// `ARPHRD_`: Ethernet, loopback and so on.
    let kind: UInt16
    let index: Int32
    /// `dev_get_flags` of the kernel: with the state of the link, unlike those in sysfs.
    private let currentFlags: UInt32

    // Where the attributes lie in the message; empty for one that is not there.
    private var places = InlineArray<64, Range<Int>>(repeating: 0..<0)

    /// Numbers of the attributes.
    enum Attribute: Int {
        case address = 1
        case broadcast = 2
        case name = 3
        case mtu = 4
        case link = 5
        case queueLength = 13
        case operationalState = 16
        case linkMode = 17
        case alias = 20
        case counters = 23
        case group = 27
        case promiscuity = 30
        case carrier = 33
        case carrierChanges = 35
        case carrierUpCount = 47
        case carrierDownCount = 48
        case allMulticast = 61
    }

    /// A request for all devices without their counters: `struct ifinfomsg`, then `IFLA_EXT_MASK` with
    /// `RTEXT_FILTER_SKIP_STATS`.
    static func request(into body: inout ByteBuffer) {
        body.append(littleEndian: UInt64(0))
        body.append(littleEndian: UInt64(0))
        body.append(littleEndian: UInt16(8))
        body.append(littleEndian: UInt16(29))
        body.append(littleEndian: UInt32(1 << 3))
    }

    /// Nil for a message that is too short to be one, or has no name.
    @_lifetime(copy payload)
    init?(_ payload: RawSpan) {
        guard payload.byteCount >= 16, let kind = payload.load(littleEndian: 2, as: UInt16.self),
            let index = payload.load(littleEndian: 4, as: Int32.self),
            let flags = payload.load(littleEndian: 8, as: UInt32.self)
        else { return nil }
        message = payload
        self.kind = kind
        self.index = index
        currentFlags = flags
        var attributes = NetlinkAttributes(payload, from: 16)
        while attributes.next() {
            if attributes.kind < 64 { places[Int(attributes.kind)] = attributes.range }
        }
        if places[Attribute.name.rawValue].isEmpty { return nil }
    }

    /// The value; empty for one that is not there.
    @_lifetime(copy self)
    func value(_ attribute: Attribute) -> RawSpan { message.extracting(places[attribute.rawValue]) }

    /// A text without the zero at its end.
    @_lifetime(copy self)
    func text(_ attribute: Attribute) -> RawSpan {
        let value = value(attribute)
        return value.extracting(0..<(value.firstIndex(of: 0) ?? value.byteCount))
    }

    /// A number of one, two or four bytes.
    func number(_ attribute: Attribute) -> UInt32? {
        let value = value(attribute)
        return value.load(littleEndian: 0, as: UInt32.self)
            ?? (value.byteCount == 1 ? UInt32(value.byte(at: 0)) : nil)
    }

    /// Whether the device is switched on (`IFF_UP`).
    var isUp: Bool { currentFlags & 1 == 1 }

    /// As in sysfs; nil where the kernel is too old to tell (before 6.0). Sysfs has no state of the link here, and of
    /// promiscuous modes whether they are in use, not whether they were asked for.
    var flags: UInt32? {
        guard let promiscuity = number(.promiscuity), let allMulticast = number(.allMulticast) else { return nil }
        let asked: UInt32 = 0x100 | 0x200
        let state: UInt32 = 0x40 | 0x10000 | 0x20000
        return currentFlags & ~(asked | state) | (promiscuity > 0 ? 0x100 : 0) | (allMulticast > 0 ? 0x200 : 0)
    }

    /// Whether it waits for something else (`IFF_DORMANT`); sysfs does not say while it is off.
    var isDormant: Bool? { isUp ? currentFlags & 0x20000 != 0 : nil }

    /// Sysfs does not say while it is off.
    var hasCarrier: Bool? { isUp ? number(.carrier).map { $0 != 0 } : nil }

    /// The number of the device that this one is on: its own where it is on none.
    var underlying: Int32 { number(.link).map { Int32(bitPattern: $0) } ?? index }

    /// As sysfs calls it (`IF_OPER_`, RFC 2863).
    var operationalState: StaticString {
        switch number(.operationalState) {
        case 1: "notpresent"
        case 2: "down"
        case 3: "lowerlayerdown"
        case 4: "testing"
        case 5: "dormant"
        case 6: "up"
        default: "unknown"
        }
    }

    /// Changes with anything that netlink tells of the device's state and settings.
    var checksum: UInt32 { message.crc32c() }
}
