import Bytes
import Telemetry

/// How far a container's log has been read through the API, which knows no offsets: the latest time, and which
/// lines came since it was first reached.
///
/// dockerd's `since` gives everything from the first line of that time on. Of that, the lines known here are left out, each
/// as often as it was read: nothing is repeated, and a line of an earlier time that was written later is not skipped.
struct DockerLogPosition: Equatable {
    /// Lines remembered; of more lines within one nanosecond the first would be read again.
    private static let capacity = 4096

    private(set) var latest: Int64 = .min
    private(set) var seen: [UInt64] = []
    private var replayed: [UInt64: Int] = [:]

    init() {}

    /// The form in which the store keeps it; nil for what is none.
    init?(encoded: [UInt8]) {
        let span = encoded.span.bytes
        guard span.byteCount >= 9, span.byteCount % 8 == 1, span.byte(at: 0) == 1,
            let time = span.load(littleEndian: 1, as: Int64.self)
        else { return nil }
        latest = time
        var offset = 9
        while let hash = span.load(littleEndian: offset, as: UInt64.self) {
            seen.append(hash)
            offset += 8
        }
    }

    var encoded: [UInt8] {
        var buffer = ByteBuffer(capacity: 9 + seen.count * 8)
        buffer.append(1)
        buffer.append(littleEndian: latest)
        for hash in seen { buffer.append(littleEndian: hash) }
        return [UInt8](buffer.bytes)
    }

    /// The `since` parameter, with nanoseconds; nil for all there is.
    var since: String? {
        guard latest > 0 else { return nil }
        let fraction = String(latest % 1_000_000_000)
        return "\(latest / 1_000_000_000).\(String(repeating: "0", count: 9 - fraction.count))\(fraction)"
    }

    /// The log is now read again from `since` on.
    mutating func beginReplay() {
        replayed = [:]
        for hash in seen { replayed[hash, default: 0] += 1 }
    }

    /// Whether a line is new; it is known from then on.
    mutating func admit(_ record: ContainerRecord, _ line: RawSpan) -> Bool {
        let time = record.time.nanoseconds
        let hash = line.fnv1a ^ UInt64(bitPattern: time) &* 0x9e37_79b9_7f4a_7c15 ^ UInt64(record.stream.rawValue)
        if time > latest {
            latest = time
            seen.removeAll(keepingCapacity: true)
            replayed = [:]
        } else if let count = replayed[hash], count > 0 {
            replayed[hash] = count - 1
            return false
        }
        if seen.count == Self.capacity { seen.removeFirst() }
        seen.append(hash)
        return true
    }

    static func == (a: DockerLogPosition, b: DockerLogPosition) -> Bool { a.latest == b.latest && a.seen == b.seen }
}
