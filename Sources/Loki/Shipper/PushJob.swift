import Bytes
import Telemetry

/// One block, or several as one, on its way: which parts of it are still to be sent, and what has been learned of its streams.
struct PushJob {
    let tenant: String
    /// Entries of the whole block: to recognise it when what is left is sent later.
    let entryCount: Int
    /// Entries to send, one request each; the last is next.
    var parts: [ArraySlice<Int>] = []
    /// Lines that go shorter than they are stored.
    var cutLines: [Int: [UInt8]] = [:]
    /// Streams the server has put over a limit.
    var limited: Set<Int> = []

    init(tenant: String, _ block: borrowing PushBlock) {
        self.tenant = tenant
        entryCount = block.entries.count
    }

    /// Whether the whole block is still to be sent, as it is: then nothing need be remembered.
    var isUntouched: Bool {
        parts.count == 1 && parts.allSatisfy { $0.count == entryCount } && cutLines.isEmpty && limited.isEmpty
    }

    /// Puts the halves of `part` in its place, the earlier one next.
    mutating func split(_ part: ArraySlice<Int>) {
        let middle = part.startIndex + part.count / 2
        parts.append(part[middle...])
        parts.append(part[..<middle])
    }

    /// Takes the entries of streams over a limit out of what is still to be sent: their order is kept by sending them
    /// later, all together.
    mutating func withholdLimited(_ block: borrowing PushBlock) {
        var left: [ArraySlice<Int>] = []
        for part in parts {
            var kept: [Int] = []
            kept.reserveCapacity(part.count)
            for entry in part where !limited.contains(block.entries[entry].stream) { kept.append(entry) }
            if !kept.isEmpty { left.append(kept[...]) }
        }
        parts = left
    }
}

extension PushRejection.Extent {
    func contains(_ entry: PushBlock.Entry) -> Bool {
        switch self {
        case .all: true
        case .before(let time): entry.time < time
        case .from(let time): entry.time >= time
        case .at(let time): entry.time == time
        case .linesLonger(let length): entry.line.count > length
        case .metadataLarger(let size): entry.metadataSize > size
        case .metadataEntriesMore(let count): entry.metadataCount > count
        }
    }
}

extension ClientConfiguration.Limits {
    /// The reason for which a stream would be refused, or nil.
    func violation(of labels: LabelSet) -> PushRejection.Reason? {
        // The server does not count service_name.
        let counted = labels.count - (labels["service_name"] == nil ? 0 : 1)
        if maxLabelNamesPerSeries > 0, counted > maxLabelNamesPerSeries { return .tooManyLabelNames }
        for label in labels.labels {
            if maxLabelNameLength > 0, label.name.utf8.count > maxLabelNameLength { return .labelNameTooLong }
            if maxLabelValueLength > 0, label.value.utf8.count > maxLabelValueLength { return .labelValueTooLong }
        }
        return nil
    }

    /// Whether some time between `earliest` and `latest` is outside what is to be sent now.
    func violatesTime(earliest: Timestamp, latest: Timestamp, now: Timestamp) -> Bool {
        violation(of: earliest, now: now) != nil || violation(of: latest, now: now) != nil
    }

    func violation(of time: Timestamp, now: Timestamp) -> PushRejection.Reason? {
        if rejectOldSamplesMaxAge > 0, now.seconds(since: time) > rejectOldSamplesMaxAge { return .tooOld }
        if creationGracePeriod > 0, time.seconds(since: now) > creationGracePeriod { return .tooFarInFuture }
        return nil
    }

    /// The reason for which an entry would be refused, or nil.
    func violation(of entry: PushBlock.Entry, now: Timestamp) -> PushRejection.Reason? {
        if let reason = violation(of: entry.time, now: now) { return reason }
        if maxLineSize > 0, entry.line.count > maxLineSize { return .lineTooLong }
        if maxStructuredMetadataSize > 0, entry.metadataSize > maxStructuredMetadataSize { return .metadataTooLarge }
        if maxStructuredMetadataEntriesCount > 0, entry.metadataCount > maxStructuredMetadataEntriesCount {
            return .metadataTooMany
        }
        return nil
    }
}

/// A line cut to `length` bytes at most, on the boundary of a character.
func cutLine(_ line: [UInt8], to length: Int) -> [UInt8] {
    guard line.count > length else { return line }
    var end = max(0, length)
    while end > 0, line[end] & 0xc0 == 0x80 { end -= 1 }
    return Array(line[..<end])
}
