import Bytes
import Telemetry

/// `/proc/meminfo` (proc_meminfo(5)): one family per line, `Active(anon)` as `node_memory_Active_anon_bytes`.
struct MemoryCollector: Collector {
    static let description = CollectorDescription("meminfo", "Memory, line by line of meminfo.") {
        MemoryCollector($0)
    }

    private let file: HostFile

    init(_ context: CollectorContext) { file = HostFile(context.paths.proc("meminfo"), .one) }

    mutating func collect(into batch: inout SampleBatch, reader: inout HostReader) throws {
        try reader.load(file)
        var lines = LineCursor(reader.text)
        var unreadable = 0
        while lines.next() {
            var fields = FieldCursor(lines.line)
            guard fields.next() else { continue }
            let name = fields.field
            guard Self.isName(name), let value = fields.nextNumber() else {
                unreadable += 1
                continue
            }
            let isKilobytes = fields.next() && fields.field.equals("kB" as StaticString)
            let family = batch.family(.gauge, help: "A line of meminfo.") { text in
                text.append("node_memory_" as StaticString)
                Self.append(name, to: &text)
                if isKilobytes { text.append("_bytes" as StaticString) }
            }
            batch.sample(family, .none, isKilobytes ? value * 1024 : value)
        }
        if unreadable > 0 { reader.odd("\(file.path): \(unreadable) lines are no name and number") }
    }

    private static func isName(_ text: RawSpan) -> Bool {
        guard text.byteCount > 1, text.byteCount <= 128, text.byte(at: text.byteCount - 1) == 0x3a else { return false }
        for offset in 0..<text.byteCount - 1 {
            switch text.byte(at: offset) {
            case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, 0x5f, 0x28, 0x29: break
            default: return false
            }
        }
        return true
    }

    /// `Active(anon):` becomes `Active_anon`.
    private static func append(_ name: RawSpan, to text: inout ByteBuffer) {
        for offset in 0..<name.byteCount {
            switch name.byte(at: offset) {
            case 0x28: text.append(0x5f)
            case 0x29, 0x3a: break
            case let byte: text.append(byte)
            }
        }
    }
}
