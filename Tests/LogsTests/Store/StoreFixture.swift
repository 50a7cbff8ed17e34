import Bytes
import CLinux
import Glibc
import Logging
import Synchronization
import Telemetry
import TestSupport

@testable import Logs

/// A directory of a test's own, deleted with it.
final class TemporaryDirectory: Sendable {
    let path: String

    init() {
        var template = Array("/tmp/tocsin-store-XXXXXX".utf8CString)
        path = template.withUnsafeMutableBufferPointer { buffer in
            guard let start = buffer.baseAddress, mkdtemp(start) != nil else { return "" }
            return String(cString: start)
        }
        precondition(!path.isEmpty, "no temporary directory: errno \(errno)")
    }

    deinit { Self.remove(path) }

    private static func remove(_ path: String) {
        if let names = try? StoreDirectory(path: path).names() {
            for name in names { remove(path + "/" + name) }
            rmdir(path)
        } else {
            unlink(path)
        }
    }
}

/// The whole of a file, and back.
enum Files {
    static func bytes(_ path: String) throws -> [UInt8] {
        let file = try StoreFile(path: path, flags: O_RDONLY)
        var buffer = ByteBuffer()
        try file.read(at: 0, length: Int(file.size()), into: &buffer)
        return [UInt8](buffer.bytes)
    }

    static func write(_ bytes: [UInt8], to path: String) throws {
        let file = try StoreFile(path: path, flags: O_RDWR | O_CREAT | O_TRUNC)
        try file.write(bytes.span.bytes, RawSpan(), at: 0, faults: DiskFaults())
    }

    /// Copies the store's files as a crash at this moment would leave them.
    static func copyStore(_ from: String, to: String) throws {
        for folder in ["segments", "checkpoints"] {
            try StoreDirectory(path: to + "/" + folder).create()
            for name in try StoreDirectory(path: from + "/" + folder).names() {
                let source = from + "/" + folder + "/" + name
                if let bytes = try? bytes(source) { try write(bytes, to: to + "/" + folder + "/" + name) }
            }
        }
    }
}

/// A clock that tests set.
final class TestClock: Sendable {
    private let time = Atomic<Int64>(1_700_000_000_000_000_000)
    var now: Timestamp { Timestamp(nanoseconds: time.load(ordering: .relaxed)) }
    func advance(seconds: Double) { time.wrappingAdd(Int64(seconds * 1e9), ordering: .relaxed) }
}

/// A store and what it was given.
struct StoreFixture {
    var configuration = StoreConfiguration()
    let registry = MetricRegistry()
    let readiness = Readiness()
    let clock = TestClock()
    var faults = DiskFaults()

    func open(_ path: String) throws(StoreError) -> LogStore {
        let clock = clock
        return try LogStore(
            directory: path, configuration: configuration, metrics: registry, readiness: readiness,
            logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }), clock: { clock.now },
            faults: faults)
    }

    func counter(_ name: String) -> Double {
        var sum = 0.0
        for family in registry.snapshot() where family.name == name {
            for value in family.series.values {
                switch value {
                case .counter(let counter): sum += Double(counter.current)
                case .gauge(let gauge): sum += gauge.current
                case .computed(let read): sum += read()
                case .histogram: break
                }
            }
        }
        return sum
    }
}

extension LogStore {
    /// Commits `lines` of one stream, and `position` under `key`.
    func put(
        _ lines: [String], key: String = "a", position: String, labels: LabelSet = ["job": "t"],
        policy: FullPolicy = .wait, stop: StopToken = StopToken()
    ) throws {
        var writer = EntryWriter(metrics: EntryMetrics(MetricRegistry(), source: "test"))
        let stream = writer.stream(labels: labels)
        for (index, line) in lines.enumerated() {
            let bytes = Array(line.utf8)
            writer.append(
                stream, Timestamp(nanoseconds: 1_700_000_000_000_000_000 + Int64(index)), bytes.span.bytes)
        }
        try writer.commit(
            positions: [PositionUpdate(key: key, value: Array(position.utf8))], to: self, policy: policy, stop: stop)
    }

    func text(_ key: String) -> String? { position(key).map { String(decoding: $0, as: UTF8.self) } }
}

/// Every line that can be read from `location` on, in order.
func lines(
    of archive: some RecordArchive, from location: RecordLocation = RecordLocation(segment: 0, offset: 0)
) throws -> [String] {
    var record = StoredRecord()
    var location = location
    var found: [String] = []
    while true {
        switch try archive.read(at: location, metadataOnly: false, into: &record) {
        case .end: return found
        case .damaged(let next):
            precondition(next > location, "damage that does not end")
            location = next
        case .record:
            try decode(record, into: &found)
            location = record.next
        }
    }
}

private func decode(_ record: borrowing StoredRecord, into found: inout [String]) throws {
    var start = 0
    for block in record.blocks {
        var request = ByteBuffer()
        try Snappy.uncompress(record.payload.bytes.slice(start, start + block.payloadLength), into: &request)
        start += block.payloadLength
        var reader = PushRequestReader()
        while let stream = try reader.nextStream(request.bytes) {
            var entries = stream.entries
            while let entry = try entries.next(request.bytes) {
                found.append(String(lossy: request.bytes.slice(entry.line)))
            }
        }
    }
}
