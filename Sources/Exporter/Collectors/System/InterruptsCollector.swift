import Bytes
import Telemetry

/// `/proc/interrupts`: of each interrupt a number for each CPU, then what it is of.
struct InterruptsCollector: Collector {
    static let description = CollectorDescription(
        "interrupts", "Interrupts by CPU and device.", isEnabledByDefault: false,
        options: [
            CollectorOption("name_include", .pattern, "Interrupts to report, as TYPE;INFO;DEVICES."),
            CollectorOption("name_exclude", .pattern, "Interrupts to leave out, as TYPE;INFO;DEVICES."),
            CollectorOption("include_zeros", .bool, default: "true", "Report those that never happened too."),
        ]
    ) { try InterruptsCollector($0) }

    private let file: HostFile
    private let filter: NameFilter
    private let includesZeros: Bool

    init(_ context: CollectorContext) throws {
        file = HostFile(context.paths.proc("interrupts"))
        filter = try context.options.filter("name")
        includesZeros = context.options.bool("include_zeros")
    }

    mutating func collect(into batch: inout SampleBatch, reader: inout HostReader) throws {
        try reader.load(file)
        let family = batch.family("node_interrupts_total", .counter, "Interrupts by CPU and device.")
        let table = CPUTable(reader.text)
        var info = ByteBuffer()
        var devices = ByteBuffer()
        var name = ByteBuffer()
        var lines = LineCursor(reader.text)
        _ = lines.next()
        while lines.next() {
            // A few, as ERR, are counted for all CPUs together and have nothing behind the number.
            guard let row = table.row(lines.line) else { continue }
            let type = lines.line.extracting(row.name)
            info.removeAll()
            devices.removeAll()
            var words = FieldCursor(lines.line.extracting(row.description))
            let isNumbered = type.unsigned != nil
            while words.next() {
                // What has a number has the chip first, then the devices; the rest has a description.
                if isNumbered, info.count > 0 {
                    Self.append(words.field, to: &devices)
                } else {
                    Self.append(words.field, to: &info)
                }
            }
            if info.isEmpty { continue }
            name.removeAll()
            name.append(type)
            name.append(0x3b)
            name.append(info.bytes)
            name.append(0x3b)
            name.append(devices.bytes)
            guard filter.allows(name.bytes) else { continue }
            var values = FieldCursor(lines.line.extracting(row.values))
            for cpu in table.cpus {
                guard let value = values.nextNumber() else { break }
                if value == 0, !includesZeros { continue }
                batch.startLabels()
                batch.label("cpu", cpu)
                batch.label("devices", devices.bytes)
                batch.label("info", info.bytes)
                batch.label("type", type)
                batch.sample(family, batch.endLabels(), value)
            }
        }
        if table.cpus.isEmpty { reader.odd("\(file.path): no line that names the CPUs") }
    }

    private static func append(_ word: RawSpan, to buffer: inout ByteBuffer) {
        if buffer.count > 0 { buffer.append(0x20) }
        buffer.append(word)
    }
}

/// A table of `/proc` that has a column for each CPU: `interrupts` and `softirqs`.
struct CPUTable {
    /// Numbers of the CPUs that have a column; offline ones have none.
    private(set) var cpus: [Int] = []
    /// CPUs that Linux can have.
    private static let most = 8192

    /// Of the first line.
    init(_ text: RawSpan) {
        var fields = FieldCursor(text.slice(0, text.firstIndex(of: 0x0a) ?? text.byteCount))
        while cpus.count < Self.most, fields.next() {
            guard fields.field.hasPrefix("CPU" as StaticString),
                let cpu = fields.field.slice(3, fields.field.byteCount).unsigned
            else { continue }
            cpus.append(Int(clamping: cpu))
        }
    }

    /// Where the parts of a line lie.
    struct Row {
        /// Without the blanks around it.
        let name: Range<Int>
        /// A number for each CPU and blanks.
        let values: Range<Int>
        /// What stands behind them, with blanks.
        let description: Range<Int>
    }

    /// Takes a line apart; nil where it does not have a number for each CPU.
    func row(_ line: RawSpan) -> Row? {
        // Some machines leave no blank between the colon and the first number.
        guard !cpus.isEmpty, let colon = line.firstIndex(of: 0x3a) else { return nil }
        var start = 0
        while start < colon, line.byte(at: start) <= 0x20 { start += 1 }
        let values = line.slice(colon + 1, line.byteCount)
        var fields = FieldCursor(values)
        for _ in cpus where fields.nextInteger() == nil { return nil }
        let end = line.byteCount - fields.rest.byteCount
        return Row(name: start..<colon, values: colon + 1..<end, description: end..<line.byteCount)
    }
}
