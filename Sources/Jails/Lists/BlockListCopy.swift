import Bytes

extension GenerationFile.Kind {
    /// The last good copy of a block list.
    static let blockList = GenerationFile.Kind(rawValue: 4)
}

/// The last good copy of a list, as it is kept over restarts and outages.
struct BlockListCopy: Sendable, Equatable {
    /// Where it came from; a copy of another source is none.
    var source: String
    /// What the server said of it, to ask whether there is a newer one.
    var entityTag = ""
    var lastModified = ""
    /// Seconds since 1970.
    var fetched: Double
    var networks: NetworkList

    func write(into buffer: inout ByteBuffer) {
        for text in [source, entityTag, lastModified] { buffer.append(field: text) }
        buffer.append(field: fetched)
        buffer.append(varint: UInt64(networks.count))
        for network in networks.networks { buffer.append(BanTarget.network(network)) }
    }

    init(source: String, entityTag: String = "", lastModified: String = "", fetched: Double, networks: NetworkList) {
        self.source = source
        self.entityTag = entityTag
        self.lastModified = lastModified
        self.fetched = fetched
        self.networks = networks
    }

    /// nil for anything else.
    init?(_ bytes: RawSpan) {
        var reader = BanRecordReader(bytes)
        guard let source = reader.text(), let entityTag = reader.text(), let lastModified = reader.text(),
            let fetched = reader.number(), let count = reader.varint(), count <= UInt64(bytes.byteCount)
        else { return nil }
        var networks: [IPNetwork] = []
        networks.reserveCapacity(Int(count))
        for _ in 0..<count {
            guard let network = reader.target()?.network else { return nil }
            networks.append(network)
        }
        guard reader.isAtEnd else { return nil }
        self.init(
            source: source, entityTag: entityTag, lastModified: lastModified, fetched: fetched,
            networks: NetworkList(networks))
    }
}
