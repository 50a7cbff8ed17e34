import Bytes
import Logging
import Synchronization
import Telemetry

/// Bytes of a segment that hold no intact record, as opening the store found them.
struct Damage {
    var location: RecordLocation
    /// Offset of what follows.
    var next: UInt64
    /// Whether a source has stored more behind it: it will not go back, so what was here is gone. Otherwise its
    /// position is from before the damage, and it reads those lines again.
    var isLost: Bool
}

/// What damage has cost, as far as what is left tells.
struct DamageLoss {
    /// Records that cannot be read; at least one.
    var records = 1
    /// Of the record whose index is still legible.
    var blocks: [BlockIndex] = []
    /// Entries of records without a legible index, from what is known of the whole segment.
    var unnamed = 0

    var entries: Int { blocks.reduce(unnamed) { $0 &+ $1.entryCount } }
}

extension SegmentReader {
    /// What the bytes from `from` to `to` of a segment held. `summary` says what the segment held when it was whole,
    /// `counted` how many entries without an index were found missing in it before.
    func loss(
        _ summary: SegmentSummary, from: UInt64, to: UInt64, counted: Int
    ) throws(SystemError) -> DamageLoss {
        let file = try file(summary.number)
        let limit = max(summary.end, to)
        var loss = DamageLoss()
        var scratch = ByteBuffer()
        var legible = 0
        var isNamed = false
        var before: UInt64?
        var after: UInt64?
        var offset = SegmentFormat.firstOffset
        walk: while true {
            switch try RecordScanner.step(file, at: offset, limit: limit, &scratch) {
            case .torn, .end: break walk
            case .damaged(let next): offset = next
            case .record(let header):
                if offset < from { before = header.sequence }
                if offset >= to, after == nil { after = header.sequence }
                let metadata = try RecordScanner.load(file, at: offset, header, payload: false, into: &scratch)
                if let metadata {
                    legible &+= metadata.blocks.reduce(0) { $0 &+ $1.entryCount }
                    if offset == from {
                        loss.blocks = metadata.blocks
                        isNamed = true
                    }
                    offset += UInt64(header.recordLength)
                } else {
                    offset = try RecordScanner.skip(file, at: offset, header, limit: limit, &scratch)
                }
            }
        }
        if let before, let after, after > before {
            let most = (to - from) / UInt64(RecordFormat.headerSize)
            loss.records = Int(clamping: max(1, min(after - before - 1, most)))
        }
        if !isNamed || loss.records > 1 { loss.unnamed = max(0, summary.entryCount - legible - counted) }
        return loss
    }
}

extension LogStore {
    /// Places of damage remembered; what comes beyond is counted each time it is met.
    private static let damageLimit = 10_000

    /// Counts damage that is met for the first time, and what it costs each destination.
    func report(_ damage: Damage) {
        let place = damage.location
        let (isNew, summary, counted) = state.withLock { state -> (Bool, SegmentSummary?, Int) in
            guard state.damage[place] == nil else { return (false, nil, 0) }
            if state.damage.count < Self.damageLimit { state.damage[place] = 0 }
            let counted = state.damage.reduce(0) { $0 + ($1.key.segment == place.segment ? $1.value : 0) }
            return (true, state.index(place.segment).map { state.segments[$0] }, counted)
        }
        guard isNew else { return }
        let found = summary.map { summary in
            (try? reader.loss(summary, from: place.offset, to: damage.next, counted: counted)) ?? DamageLoss()
        }
        let loss = found ?? DamageLoss()
        let losers = state.withLock { state -> [String: Int] in
            if state.damage[place] != nil { state.damage[place] = loss.unnamed }
            return damage.isLost ? state.destinations.mapValues { Self.undelivered(loss, place, $0.state) } : [:]
        }
        let length = Int(clamping: damage.next - place.offset)
        metrics.damagedBytes.add(length)
        metrics.damagedRecords.add(loss.records)
        metrics.damagedEntries.add(loss.entries)
        for (name, entries) in losers where entries > 0 {
            metrics.dropped(entries: entries, bytes: length, destination: name, reason: "damaged")
        }
        let path = segmentDirectory.file(SegmentFormat.kind.fileName(place.segment))
        let names = losers.filter { $0.value > 0 }.keys.sorted().joined(separator: ", ")
        let fate =
            !damage.isLost
            ? "their source reads them again"
            : names.isEmpty ? "every destination has them" : "\(names) will not get them"
        logger.warning(
            """
            store: \(path) is damaged at byte \(place.offset): \(length) bytes are skipped, \(loss.records) records \
            with \(loss.entries) entries; \(fate). Check the disk
            """)
    }

    private static func undelivered(_ loss: DamageLoss, _ place: RecordLocation, _ state: DestinationState) -> Int {
        if place >= state.cursor { return loss.entries }
        return state.undelivered(loss.blocks, at: place).entries
    }
}
