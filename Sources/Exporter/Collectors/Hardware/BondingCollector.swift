import Bytes
import Telemetry

/// `/sys/class/net/bonding_masters` and the links below (kernel, networking/bonding).
struct BondingCollector: Collector {
    static let description = CollectorDescription("bonding", "Links of bonded interfaces and how many are up.") {
        BondingCollector($0)
    }

    private struct Master {
        var name: String
        var slavesFile: String
        var knownSlaves: [UInt8] = []
        /// Newer kernels' place of a link's state and older ones'.
        var stateFiles: [(lower: String, slave: String)] = []
    }

    private let directory: String
    private let mastersFile: String
    private var knownMasters: [UInt8] = []
    private var masters: [Master] = []

    init(_ context: CollectorContext) {
        directory = context.paths.sys("class/net")
        mastersFile = "\(directory)/bonding_masters"
    }

    mutating func collect(into batch: inout SampleBatch, reader: inout HostReader) throws {
        guard reader.loadAttribute(mastersFile) else { throw CollectorError.absent(mastersFile) }
        if !knownMasters.span.bytes.equals(reader.text) {
            knownMasters = [UInt8](reader.text)
            masters = Self.words(reader.text).map {
                Master(name: $0, slavesFile: "\(directory)/\($0)/bonding/slaves")
            }
        }
        let slaves = batch.family("node_bonding_slaves", .gauge, "Links that a bonded interface has.")
        let active = batch.family("node_bonding_active", .gauge, "Links of a bonded interface that are up.")
        for index in masters.indices {
            guard reader.loadAttribute(masters[index].slavesFile) else {
                reader.odd("\(masters[index].slavesFile): cannot be read")
                continue
            }
            let knownSlaves = masters[index].knownSlaves
            if !knownSlaves.span.bytes.equals(reader.text) {
                masters[index].knownSlaves = [UInt8](reader.text)
                let base = "\(directory)/\(masters[index].name)"
                masters[index].stateFiles = Self.words(reader.text).map {
                    ("\(base)/lower_\($0)/bonding_slave/mii_status", "\(base)/slave_\($0)/bonding_slave/mii_status")
                }
            }
            var up = 0
            for files in masters[index].stateFiles
            where reader.loadAttribute(files.lower) || reader.loadAttribute(files.slave) {
                if reader.text.equals("up" as StaticString) { up += 1 }
            }
            let labels = batch.labels("master", masters[index].name)
            batch.sample(slaves, labels, Double(masters[index].stateFiles.count))
            batch.sample(active, labels, Double(up))
        }
    }

    private static func words(_ text: RawSpan) -> [String] {
        var words: [String] = []
        var fields = FieldCursor(text)
        while fields.next() { words.append(String(lossy: fields.field)) }
        return words
    }
}
