import Bytes
import Glibc
import Telemetry

/// Names of block devices by number, from `/sys/dev/block`; looked up once.
struct DeviceNames {
    private let paths: HostPaths
    private var known: [UInt64: [UInt8]] = [:]

    private var stacked: [UInt64: Bool] = [:]

    /// Devices remembered; then it begins anew.
    private static let most = 1024

    init(paths: HostPaths) { self.paths = paths }

    /// `/dev/sda`; `8:0` where no such device is known.
    mutating func name(_ major: UInt32, _ minor: UInt32) -> [UInt8] {
        let number = UInt64(major) << 32 | UInt64(minor)
        if let name = known[number] { return name }
        if known.count >= Self.most { known.removeAll() }
        let found = look("\(major):\(minor)")
        known[number] = found
        return found
    }

    /// Whether a device is made of others (device mapper, md), which count the same bytes again.
    mutating func isStacked(_ major: UInt32, _ minor: UInt32) -> Bool {
        let number = UInt64(major) << 32 | UInt64(minor)
        if let known = stacked[number] { return known }
        if stacked.count >= Self.most { stacked.removeAll() }
        let slaves = HostDirectory(paths.sys("dev/block/\(major):\(minor)/slaves"))
        // A device without the directory has no parts.
        let isStacked = (try? slaves.refresh()) != nil && !slaves.names.isEmpty
        stacked[number] = isStacked
        return isStacked
    }

    /// `/sys/dev/block/8:0` is a link to `../../devices/…/block/sda`.
    private func look(_ number: String) -> [UInt8] {
        let target = withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 4096) { room -> [UInt8] in
            let length = room.withMemoryRebound(to: CChar.self) { room in
                room.baseAddress.map { readlink(paths.sys("dev/block/\(number)"), $0, room.count) } ?? -1
            }
            return length > 0 ? Array(room[..<length]) : []
        }
        guard let slash = target.lastIndex(of: 0x2f) else { return Array(number.utf8) }
        return Array("/dev/".utf8) + target[(slash + 1)...]
    }
}
