import Bytes
import Telemetry

/// The unit of the store's log: the blocks of one commit (one per tenant) and the positions of the sources whose
/// lines they hold, in one checksummed piece. Either all of it is there after a crash or nothing, so a source never
/// repeats or skips a line of its own.
///
/// Layout, integers little-endian:
/// ```
/// header, 32 bytes: magic "TOCREC01" | metadata length u32 | payload length u32 | sequence u64
///                   | block count u16 | position count u16 | CRC-32C of the first 28 bytes
/// metadata: per block:    tenant length u16 | tenant | payload length u32 | payload CRC-32C u32 | uncompressed u32
///                         | entries u32 | earliest i64 ns | latest i64 ns | stream count u32
///                         | per stream: varint length, label string, varint entries
///           per position: varint length, key, varint length, value      (an empty value forgets the key)
///           CRC-32C of the metadata before it
/// payload:  the blocks one after the other, each a snappy-compressed protobuf PushRequest
/// ```
package enum RecordFormat {
    package static let magic: UInt64 = 0x3130_4345_5243_4f54  // "TOCREC01"
    package static let headerSize = 32
    /// More than any record we write: a length beyond it is damage.
    package static let metadataLimit = 64 << 20
    package static let payloadLimit = 256 << 20
    /// Blocks and positions of a record are counted in 16 bits each.
    package static let blockLimit = 0xffff
    package static let positionLimit = 0xffff
}

/// A source's saved place: an opaque value under the source's own key. Empty values forget the key.
package struct PositionUpdate: Sendable, Equatable {
    package var key: String
    package var value: [UInt8]

    package init(key: String, value: [UInt8]) {
        self.key = key
        self.value = value
    }
}

/// What is known of a block without decoding it.
package struct BlockIndex: Sendable, Equatable {
    /// Empty for no tenant.
    package var tenant: String
    package var payloadLength: Int
    package var payloadChecksum: UInt32
    package var uncompressedLength: Int
    package var entryCount: Int
    package var earliest: Timestamp
    package var latest: Timestamp
    package var streams: [Stream]

    package struct Stream: Sendable, Equatable {
        /// As Loki's push API takes it: `{a="x", b="y"}`.
        package var labels: String
        package var entryCount: Int

        package init(labels: String, entryCount: Int) {
            self.labels = labels
            self.entryCount = entryCount
        }
    }
}

/// A record's header: enough to find its parts and the next record.
package struct RecordHeader: Sendable, Equatable {
    package var metadataLength: Int
    package var payloadLength: Int
    package var sequence: UInt64
    package var blockCount: Int
    package var positionCount: Int

    /// Bytes of the whole record.
    package var recordLength: Int { RecordFormat.headerSize + metadataLength + payloadLength }

    /// Nil where the bytes are not an intact header.
    package init?(decoding bytes: RawSpan) {
        guard bytes.byteCount >= RecordFormat.headerSize,
            bytes.load(littleEndian: 0, as: UInt64.self) == RecordFormat.magic,
            bytes.load(littleEndian: 28, as: UInt32.self) == bytes.slice(0, 28).crc32c(),
            let metadata = bytes.load(littleEndian: 8, as: UInt32.self),
            let payload = bytes.load(littleEndian: 12, as: UInt32.self),
            let sequence = bytes.load(littleEndian: 16, as: UInt64.self),
            let blocks = bytes.load(littleEndian: 24, as: UInt16.self),
            let positions = bytes.load(littleEndian: 26, as: UInt16.self),
            metadata <= RecordFormat.metadataLimit, payload <= RecordFormat.payloadLimit
        else { return nil }
        metadataLength = Int(metadata)
        payloadLength = Int(payload)
        self.sequence = sequence
        blockCount = Int(blocks)
        positionCount = Int(positions)
    }
}

/// A record's decoded metadata.
package struct RecordMetadata: Sendable, Equatable {
    package var blocks: [BlockIndex]
    package var positions: [PositionUpdate]

    /// Decodes and verifies the metadata part; nil where it is damaged.
    package init?(decoding bytes: RawSpan, header: RecordHeader) {
        guard bytes.byteCount == header.metadataLength, bytes.byteCount >= 4 else { return nil }
        let end = bytes.byteCount - 4
        guard bytes.load(littleEndian: end, as: UInt32.self) == bytes.slice(0, end).crc32c() else { return nil }
        var reader = MetadataReader(offset: 0)
        blocks = []
        positions = []
        for _ in 0..<header.blockCount {
            guard let block = reader.block(bytes, end) else { return nil }
            blocks.append(block)
        }
        for _ in 0..<header.positionCount {
            guard let key = reader.sized(bytes, end), let value = reader.sized(bytes, end) else { return nil }
            positions.append(PositionUpdate(key: String(decoding: key, as: UTF8.self), value: value))
        }
        guard blocks.reduce(0, { $0 + $1.payloadLength }) == header.payloadLength else { return nil }
    }
}

private struct MetadataReader {
    var offset: Int

    mutating func fixed<T: FixedWidthInteger & BitwiseCopyable>(_ bytes: RawSpan, _ end: Int, _: T.Type) -> T? {
        guard offset + MemoryLayout<T>.size <= end, let value = bytes.load(littleEndian: offset, as: T.self) else {
            return nil
        }
        offset += MemoryLayout<T>.size
        return value
    }

    mutating func sized(_ bytes: RawSpan, _ end: Int) -> [UInt8]? {
        guard let length = bytes.readVarint(&offset), length <= UInt64(max(0, end - offset)) else { return nil }
        let value = [UInt8](bytes.slice(offset, offset + Int(length)))
        offset += Int(length)
        return value
    }

    mutating func block(_ bytes: RawSpan, _ end: Int) -> BlockIndex? {
        guard let tenantLength = fixed(bytes, end, UInt16.self), offset + Int(tenantLength) <= end else { return nil }
        let tenant = String(lossy: bytes.slice(offset, offset + Int(tenantLength)))
        offset += Int(tenantLength)
        guard let length = fixed(bytes, end, UInt32.self), let checksum = fixed(bytes, end, UInt32.self),
            let uncompressed = fixed(bytes, end, UInt32.self), let entries = fixed(bytes, end, UInt32.self),
            let earliest = fixed(bytes, end, Int64.self), let latest = fixed(bytes, end, Int64.self),
            let count = fixed(bytes, end, UInt32.self), Int(count) <= end - offset
        else { return nil }
        var streams: [BlockIndex.Stream] = []
        streams.reserveCapacity(Int(count))
        for _ in 0..<count {
            guard let labels = sized(bytes, end), let entries = bytes.readVarint(&offset) else { return nil }
            streams.append(.init(labels: String(decoding: labels, as: UTF8.self), entryCount: Int(clamping: entries)))
        }
        return BlockIndex(
            tenant: tenant, payloadLength: Int(length), payloadChecksum: checksum,
            uncompressedLength: Int(uncompressed), entryCount: Int(entries),
            earliest: Timestamp(nanoseconds: earliest), latest: Timestamp(nanoseconds: latest), streams: streams)
    }
}

/// A record in the making: filled block by block, then finished with the positions and written in one piece.
package struct RecordBuilder: ~Copyable {
    /// Header and metadata; complete after `finish`.
    package private(set) var head = ByteBuffer(capacity: 4 << 10)
    /// The blocks' compressed bytes.
    package private(set) var payload = ByteBuffer(capacity: 64 << 10)
    package private(set) var blockCount = 0
    package private(set) var entryCount = 0
    package private(set) var uncompressedLength = 0
    /// Time stamps of the entries; `earliest > latest` where there are none.
    package private(set) var earliest = Timestamp(nanoseconds: .max)
    package private(set) var latest = Timestamp(nanoseconds: .min)
    /// Where the blocks' metadata ends and `finish` wrote on.
    private var blocksEnd: Int?

    package init() {}

    package var isEmpty: Bool { blockCount == 0 }
    /// Bytes the record takes in a segment, once finished.
    package var byteCount: Int { head.count + payload.count }

    package mutating func removeAll() {
        head.removeAll()
        payload.removeAll()
        blockCount = 0
        entryCount = 0
        uncompressedLength = 0
        earliest = Timestamp(nanoseconds: .max)
        latest = Timestamp(nanoseconds: .min)
        blocksEnd = nil
        for _ in 0..<(RecordFormat.headerSize / 8) { head.append(littleEndian: UInt64(0)) }
    }

    /// Compresses `request`, an encoded PushRequest, as one more block. `streams` holds the encoded stream index:
    /// per stream a varint length, the label string, a varint entry count.
    package mutating func append(
        request: RawSpan, tenant: String, entryCount: Int, earliest: Timestamp, latest: Timestamp, streamCount: Int,
        streams: RawSpan
    ) {
        if head.count < RecordFormat.headerSize { removeAll() }
        let start = payload.count
        Snappy.compress(request, into: &payload)
        let length = payload.count - start
        // No server takes a tenant this long, but a line may hold one, and its length has 16 bits.
        let tenant = tenant.utf8.count <= 0xff00 ? tenant : String(decoding: tenant.utf8.prefix(0xff00), as: UTF8.self)
        head.append(littleEndian: UInt16(clamping: tenant.utf8.count))
        head.append(tenant)
        head.append(littleEndian: UInt32(length))
        head.append(littleEndian: payload.bytes.slice(start, start + length).crc32c())
        head.append(littleEndian: UInt32(request.byteCount))
        head.append(littleEndian: UInt32(entryCount))
        head.append(littleEndian: earliest.nanoseconds)
        head.append(littleEndian: latest.nanoseconds)
        head.append(littleEndian: UInt32(streamCount))
        head.append(streams)
        blockCount += 1
        self.entryCount += entryCount
        self.earliest = min(self.earliest, earliest)
        self.latest = max(self.latest, latest)
        uncompressedLength += request.byteCount
    }

    /// Completes header and metadata. Nothing may be appended afterwards until `removeAll`; finishing again, with
    /// other positions or another number, replaces what the first time wrote. More blocks than `blockLimit` or positions
    /// than `positionLimit` are an error of the caller's.
    package mutating func finish(positions: [PositionUpdate], sequence: UInt64) {
        precondition(
            blockCount <= RecordFormat.blockLimit && positions.count <= RecordFormat.positionLimit,
            "a record of \(blockCount) blocks and \(positions.count) positions; it holds 65,535 of each")
        if head.count < RecordFormat.headerSize { removeAll() }
        if let blocksEnd { head.truncate(to: blocksEnd) }
        blocksEnd = head.count
        for position in positions {
            head.append(varint: UInt64(position.key.utf8.count))
            head.append(position.key)
            head.append(varint: UInt64(position.value.count))
            head.append(position.value)
        }
        let metadata = head.bytes.slice(RecordFormat.headerSize, head.count).crc32c()
        head.append(littleEndian: metadata)
        head.overwrite(at: 0, littleEndian: RecordFormat.magic)
        head.overwrite(at: 8, littleEndian: UInt32(head.count - RecordFormat.headerSize))
        head.overwrite(at: 12, littleEndian: UInt32(payload.count))
        head.overwrite(at: 16, littleEndian: sequence)
        head.overwrite(at: 24, littleEndian: UInt16(blockCount))
        head.overwrite(at: 26, littleEndian: UInt16(positions.count))
        head.overwrite(at: 28, littleEndian: head.bytes.slice(0, 28).crc32c())
    }
}
