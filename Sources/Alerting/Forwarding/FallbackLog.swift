import Bytes
import Telemetry

/// The ledger on disk, `alerts/forwarding.state`: changes of 17 bytes (kind u8, alert u64, time i64, little-endian) in records of
/// `RecordLog`. Without it everything that waits waits anew. Confined to its owner.
final class FallbackLog {
    private static let kind = RecordLog.Kind(
        magic: 0x3130_4457_4643_4f54, version: 1, name: "forwarding.state")  // "TOCFWD01"
    private static let size = 17

    private let log: RecordLog
    /// What was there: nil where no file was, and nobody has forwarded from here.
    let saved: [FallbackLedger.Change]?
    private(set) var trouble: [String]
    /// What the last attempt to write failed of.
    private(set) var failure: String?

    init(directory: String, faults: DiskFaults = DiskFaults()) {
        log = RecordLog(Self.kind, directory: directory, faults: faults)
        var changes: [FallbackLedger.Change] = []
        var hasAny = false
        trouble = log.load { body in
            guard let read = Self.changes(body) else { return false }
            hasAny = true
            changes += read
            return true
        }
        saved = hasAny || !trouble.isEmpty ? changes : nil
    }

    /// A disk that fails is told by `failure`; what it missed is written with the next changes.
    func write(_ changes: [FallbackLedger.Change], all: () -> [FallbackLedger.Change]) {
        let bytes = Self.bytes(changes)
        let mustLast = changes.contains { if case .local? = $0.standing { true } else { false } }
        do throws(SystemError) {
            try log.append(bytes.bytes, durably: mustLast) { add throws(SystemError) in
                try add(Self.bytes(all()).bytes)
            }
            failure = nil
        } catch {
            failure = error.description
        }
    }

    static func bytes(_ changes: [FallbackLedger.Change]) -> ByteBuffer {
        var buffer = ByteBuffer(capacity: max(1, changes.count) * size)
        // Says that there is a file, if nothing else.
        if changes.isEmpty { buffer.append(0) }
        for change in changes {
            let (kind, time): (UInt8, Int64) =
                switch change.standing {
                case nil: (1, 0)
                case .waiting(let since)?: (2, since)
                case .local(let seen)?: (3, seen)
                case .ended(let end)?: (4, end)
                }
            buffer.append(kind)
            buffer.append(littleEndian: change.id.rawValue)
            buffer.append(littleEndian: time)
        }
        return buffer
    }

    static func changes(_ body: RawSpan) -> [FallbackLedger.Change]? {
        if body.byteCount == 1 { return body.byte(at: 0) == 0 ? [] : nil }
        guard body.byteCount % size == 0 else { return nil }
        var result: [FallbackLedger.Change] = []
        for offset in stride(from: 0, to: body.byteCount, by: size) {
            guard let id = body.load(littleEndian: offset + 1, as: UInt64.self),
                let time = body.load(littleEndian: offset + 9, as: Int64.self)
            else { return nil }
            let standing: FallbackLedger.Standing?
            switch body.byte(at: offset) {
            case 1: standing = nil
            case 2: standing = .waiting(since: time)
            case 3: standing = .local(seen: time)
            case 4: standing = .ended(at: time)
            default: return nil
            }
            result.append(FallbackLedger.Change(id: AlertID(rawValue: id), standing: standing))
        }
        return result
    }
}
