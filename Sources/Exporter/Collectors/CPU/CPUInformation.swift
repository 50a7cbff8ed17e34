import Bytes
import Telemetry

/// `/proc/cpuinfo`: a block of `key : value` lines for each CPU (proc_cpuinfo(5)).
struct CPUInformation {
    private let file: HostFile
    private let flags: NameFilter?
    private let bugs: NameFilter?

    init(file: HostFile, flags: Regex?, bugs: Regex?) {
        self.file = file
        self.flags = flags.map { NameFilter(include: $0, exclude: nil) }
        self.bugs = bugs.map { NameFilter(include: $0, exclude: nil) }
    }

    /// The labels of `node_cpu_info` in their order, and the keys they come from.
    private static let labels: [(name: StaticString, key: StaticString)] = [
        ("cachesize", "cache size"), ("core", "core id"), ("cpu", "processor"), ("family", "cpu family"),
        ("microcode", "microcode"), ("model", "model"), ("model_name", "model name"), ("package", "physical id"),
        ("stepping", "stepping"), ("vendor", "vendor_id"),
    ]

    /// Where the values of one CPU's block lie in the text; empty where there is none.
    private struct Block {
        var values = InlineArray<10, Range<Int>>(repeating: 0..<0)
        var megahertz = 0..<0
        var flags = 0..<0
        var bugs = 0..<0
        var isEmpty: Bool { values[2].isEmpty }
    }

    func write(into batch: inout SampleBatch, reader: inout HostReader) throws {
        try reader.load(file)
        let info = batch.family("node_cpu_info", .gauge, "What cpuinfo says of a CPU; always 1.")
        let hertz = batch.family("node_cpu_frequency_hertz", .gauge, "A CPU's frequency as cpuinfo has it.")
        var start = 0
        var isFirst = true
        while let block = Self.nextBlock(of: reader.text, from: &start) {
            if block.isEmpty { continue }
            if isFirst { writeNames(of: block, in: reader.text, into: &batch) }
            isFirst = false
            batch.startLabels()
            for index in 0..<10 {
                batch.label(Self.labels[index].name, reader.text.extracting(block.values[index]))
            }
            batch.sample(info, batch.endLabels(), 1)
            if let megahertz = reader.text.extracting(block.megahertz).number {
                batch.startLabels()
                for index in [1, 2, 7] {
                    batch.label(Self.labels[index].name, reader.text.extracting(block.values[index]))
                }
                batch.sample(hertz, batch.endLabels(), megahertz * 1e6)
            }
        }
        if isFirst { reader.odd("\(file.path): no line that names a processor") }
    }

    private func writeNames(of block: Block, in text: RawSpan, into batch: inout SampleBatch) {
        if let flags {
            let family = batch.family("node_cpu_flag_info", .gauge, "Flags of the first CPU; always 1.")
            var names = FieldCursor(text.extracting(block.flags))
            while names.next() {
                if flags.allows(names.field) { batch.sample(family, batch.labels("flag", names.field), 1) }
            }
        }
        if let bugs {
            let family = batch.family("node_cpu_bug_info", .gauge, "Bugs of the first CPU; always 1.")
            var names = FieldCursor(text.extracting(block.bugs))
            while names.next() {
                if bugs.allows(names.field) { batch.sample(family, batch.labels("bug", names.field), 1) }
            }
        }
    }

    /// The block that begins at `start`, which moves behind it; nil at the end. A block ends with an empty line.
    private static func nextBlock(of text: RawSpan, from start: inout Int) -> Block? {
        guard start < text.byteCount else { return nil }
        var block = Block()
        while start < text.byteCount {
            let end = text.firstIndex(of: 0x0a, from: start) ?? text.byteCount
            let line = start..<end
            start = end + 1
            if line.isEmpty { break }
            guard let colon = text.extracting(line).firstIndex(of: 0x3a) else { continue }
            let key = text.slice(line.lowerBound, line.lowerBound + colon).trimmed
            let value = trimmed(line.lowerBound + colon + 1..<line.upperBound, in: text)
            if key.equals("flags" as StaticString) || key.equals("Features" as StaticString) {
                block.flags = value
            } else if key.equals("bugs" as StaticString) {
                block.bugs = value
            } else if key.equals("cpu MHz" as StaticString) {
                block.megahertz = value
            } else if key.equals("vendor" as StaticString) {
                block.values[9] = value
            } else {
                for index in 0..<10 where key.equals(labels[index].key) { block.values[index] = value }
            }
        }
        return block
    }

    private static func trimmed(_ range: Range<Int>, in text: RawSpan) -> Range<Int> {
        var lower = range.lowerBound
        var upper = range.upperBound
        while lower < upper, text.byte(at: lower) <= 0x20 { lower += 1 }
        while upper > lower, text.byte(at: upper - 1) <= 0x20 { upper -= 1 }
        return lower..<upper
    }
}
