import Bytes
import Glibc
import Logging
import Synchronization
import Telemetry
import TestSupport

@testable import Exporter

/// A directory of a test's own, gone with it.
final class QueueFolder: Sendable {
    let path: String

    init() {
        var template = Array("/tmp/tocsin-rw-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { preconditionFailure("no temporary directory: errno \(errno)") }
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    deinit {
        for name in (try? StoreDirectory(path: path).names()) ?? [] { unlink("\(path)/\(name)") }
        rmdir(path)
    }

    var segments: [String] {
        ((try? StoreDirectory(path: path).names()) ?? []).filter { $0.hasSuffix(".rwq") }.sorted()
    }

    func bytes(_ name: String) throws -> [UInt8] {
        let file = try StoreFile(path: "\(path)/\(name)", flags: O_RDONLY)
        var buffer = ByteBuffer()
        try file.read(at: 0, length: Int(try file.size()), into: &buffer)
        return [UInt8](buffer.bytes)
    }

    func write(_ bytes: [UInt8], to name: String) throws {
        let file = try StoreFile(path: "\(path)/\(name)", flags: O_RDWR | O_CREAT | O_TRUNC)
        try file.write(bytes.span.bytes, RawSpan(), at: 0, faults: DiskFaults())
    }
}

/// What was dropped, by reason.
final class DropRecorder: Sendable {
    private let counts = Mutex<[DropReason: Int]>([:])

    func add(_ samples: Int, _ reason: DropReason) { counts.withLock { $0[reason, default: 0] += samples } }
    func count(_ reason: DropReason) -> Int { counts.withLock { $0[reason] ?? 0 } }
}

/// Waits for a condition; false when it does not come true in time.
func comesTrue(within seconds: Double = 20, _ condition: () -> Bool) -> Bool {
    let begin = Timestamp.monotonic
    while !condition() {
        if Timestamp.monotonic.seconds(since: begin) > seconds { return false }
        usleep(5000)
    }
    return true
}

let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

func series(_ labels: LabelSet, _ type: MetricType = .gauge, help: String = "", unit: String = "") -> Series {
    Series(
        labels: labels,
        metadata: MetricMetadata(name: labels["__name__"] ?? "", type: type, help: help, unit: unit))
}

func batch(_ samples: [SeriesSample]) -> SeriesBatch {
    var batch = SeriesBatch()
    batch.samples = samples
    return batch
}

/// A message taken apart by field numbers, as far as a test looks: nested messages by dotted paths.
struct Message {
    var fields: [(number: Int, value: Value)] = []

    enum Value: Equatable {
        case number(UInt64)
        case fixed(UInt64)
        case bytes([UInt8])
    }

    init?(_ data: [UInt8]) {
        let span = data.span.bytes
        var at = 0
        while at < span.byteCount {
            guard let tag = span.readVarint(&at) else { return nil }
            switch tag & 7 {
            case 0:
                guard let value = span.readVarint(&at) else { return nil }
                fields.append((Int(tag >> 3), .number(value)))
            case 1:
                guard let value = span.load(littleEndian: at, as: UInt64.self) else { return nil }
                at += 8
                fields.append((Int(tag >> 3), .fixed(value)))
            case 2:
                guard let length = span.readVarint(&at), length <= UInt64(span.byteCount - at) else { return nil }
                fields.append((Int(tag >> 3), .bytes(Array(data[at..<(at + Int(length))]))))
                at += Int(length)
            default: return nil
            }
        }
    }

    func all(_ number: Int) -> [Value] { fields.filter { $0.number == number }.map(\.value) }
    func messages(_ number: Int) -> [Message] {
        all(number).compactMap { if case .bytes(let bytes) = $0 { Message(bytes) } else { nil } }
    }
    func texts(_ number: Int) -> [String] {
        all(number).compactMap {
            if case .bytes(let bytes) = $0 { String(decoding: bytes, as: UTF8.self) } else { nil }
        }
    }
    func number(_ number: Int) -> UInt64 { if case .number(let value)? = all(number).first { value } else { 0 } }
    func fixed(_ number: Int) -> UInt64 { if case .fixed(let value)? = all(number).first { value } else { 0 } }

    /// Labels of a series of 1.0.
    var labels: [String] { messages(1).map { "\($0.texts(1).first ?? "")=\($0.texts(2).first ?? "")" } }
}

/// A compressed body, uncompressed and taken apart.
func message(_ body: [UInt8]) throws -> Message {
    var plain = ByteBuffer()
    try Snappy.uncompress(body.span.bytes, into: &plain)
    guard let message = Message([UInt8](plain.bytes)) else { throw NotAMessage() }
    return message
}

struct NotAMessage: Error {}
