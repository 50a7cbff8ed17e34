import Bytes
import CLinux
import Glibc
import Telemetry

/// What opening a store found in its directory.
struct Recovery: ~Copyable {
    var segments: [SegmentSummary] = []
    var positions: [PositionKey: [UInt8]] = [:]
    var nextSequence: UInt64 = 1
    /// The number a new segment gets.
    var nextSegment: UInt64 = 1
    /// The last segment, where it can be written on.
    var active: StoreFile?
    /// Trailing bytes of an unfinished record that were cut off.
    var tornBytes = 0
    /// Bytes of headers of segments that are not intact.
    var damagedBytes = 0
    /// What lies between intact records.
    var damage: [Damage] = []
    /// Records read after the checkpoint.
    var replayed = 0
    /// Sentences for the log.
    var trouble: [String] = []

    private let directory: StoreDirectory
    private var scratch = ByteBuffer()
    /// Keys of positions in damaged records that no later record has moved on, and the indices of that damage.
    private var awaited: [PositionKey: [Int]] = [:]

    /// Damage that is only torn off, with all that follows it, if no intact record comes in the last segment.
    private struct PendingDamage {
        var location: RecordLocation
        var next: UInt64
        /// What its index says, where that is legible.
        var metadata: RecordMetadata?
    }

    /// Reads the positions' checkpoint and what was stored after it. `furthest` is the furthest place that any
    /// destination's cursor names: numbers go on after it even where the segments themselves are gone, so that a
    /// cursor never points into segments that come later.
    init(
        segments directory: StoreDirectory, checkpoints: [PositionCheckpoint], furthest: RecordLocation
    ) throws(SystemError) {
        self.directory = directory
        let numbers = try directory.names().compactMap(SegmentFormat.kind.number(ofFileNamed:)).sorted()
        nextSegment = (numbers.last ?? 0) + 1
        let checkpoint = choose(checkpoints, numbers)
        positions = checkpoint?.positions ?? [:]
        for checkpoint in checkpoints {
            nextSequence = max(nextSequence, checkpoint.nextSequence)
            nextSegment = max(nextSegment, checkpoint.location.segment + 1)
        }
        for number in numbers { recover(number, isLast: number == numbers.last, checkpoint) }
        let end = self.segments.last.map { RecordLocation(segment: $0.number, offset: $0.end) }
        let known = max(checkpoints.map(\.location).max() ?? furthest, furthest)
        if let end, known > end { active = nil }
        nextSegment = max(nextSegment, furthest.segment + 1)
    }

    /// The newest checkpoint whose place is still there. One that is ahead of what is stored speaks of lines that
    /// are gone, so an older one is better: the sources then read those lines again.
    private func choose(_ checkpoints: [PositionCheckpoint], _ numbers: [UInt64]) -> PositionCheckpoint? {
        guard let last = numbers.last else { return checkpoints.first }
        return checkpoints.first { checkpoint in
            let location = checkpoint.location
            guard location.segment <= last else { return false }
            var status = clinux_file_status()
            let path = directory.file(SegmentFormat.kind.fileName(location.segment))
            return clinux_status_of_path(path, 0, &status) != 0 || status.size >= location.offset
        } ?? checkpoints.first
    }

    private mutating func recover(_ number: UInt64, isLast: Bool, _ checkpoint: PositionCheckpoint?) {
        let path = directory.file(SegmentFormat.kind.fileName(number))
        do throws(SystemError) {
            var status = clinux_file_status()
            let code = clinux_status_of_path(path, 0, &status)
            if code != 0 { throw SystemError(call: "stat", path: path, code: code) }
            guard status.mode & UInt32(S_IFMT) == UInt32(S_IFREG) else {
                trouble.append("\(path) is not a file: it is left alone")
                return
            }
            let file = try StoreFile(path: path, flags: isLast ? O_RDWR : O_RDONLY)
            scratch.removeAll()
            try file.read(at: 0, length: NumberedFileKind.headerSize, into: &scratch)
            let header = SegmentFormat.check(scratch.bytes, number: number)
            if case .newer(let version) = header {
                trouble.append(
                    "\(path) has version \(version), this program knows \(SegmentFormat.kind.version): it is left alone"
                )
                return
            }
            if header == .damaged { damagedBytes += Int(clamping: min(status.size, SegmentFormat.firstOffset)) }
            var segment = SegmentSummary(
                number: number, written: Timestamp(nanoseconds: status.modification_time))
            let known = checkpoint?.segments.first { $0.number == number && $0.end <= status.size }
            if let known { segment = known }
            let isCovered = checkpoint.map { number < $0.location.segment } ?? false
            if known == nil || !isCovered {
                try scan(file, &segment, size: status.size, isLast: isLast, replayFrom: checkpoint?.location)
            }
            if isLast { try finish(file, &segment, size: status.size, headerIsIntact: header == .intact) }
            segments.append(segment)
        } catch {
            trouble.append("\(error): the segment is left out")
        }
    }

    /// Reads the records from `segment.end` on, verifying all of each, and applies the positions of those the
    /// checkpoint does not know.
    private mutating func scan(
        _ file: StoreFile, _ segment: inout SegmentSummary, size: UInt64, isLast: Bool, replayFrom: RecordLocation?
    ) throws(SystemError) {
        var offset = segment.end
        var pending: [PendingDamage] = []
        func passed(_ next: UInt64, _ metadata: RecordMetadata?) {
            let location = RecordLocation(segment: segment.number, offset: offset)
            pending.append(PendingDamage(location: location, next: next, metadata: metadata))
            offset = next
        }
        while true {
            switch try RecordScanner.step(file, at: offset, limit: size, &scratch) {
            case .record(let header):
                nextSequence = max(nextSequence, min(header.sequence, 1 << 62) + 1)
                if let metadata = try RecordScanner.load(file, at: offset, header, payload: true, into: &scratch) {
                    for damage in pending { keep(damage, &segment, replayFrom) }
                    pending.removeAll()
                    segment.add(metadata.blocks)
                    apply(metadata, at: RecordLocation(segment: segment.number, offset: offset), replayFrom)
                    offset += UInt64(header.recordLength)
                    segment.end = offset
                } else {
                    let index = try RecordScanner.load(file, at: offset, header, payload: false, into: &scratch)
                    passed(try RecordScanner.skip(file, at: offset, header, limit: size, &scratch), index)
                }
            case .damaged(let next): passed(next, nil)
            case .torn, .end:
                // What follows the last intact record of the last segment is cut off; elsewhere it stays, unread.
                if isLast {
                    tornBytes += max(0, Int(clamping: size) - Int(clamping: segment.end))
                } else {
                    if offset < size { passed(size, nil) }
                    for damage in pending { keep(damage, &segment, replayFrom) }
                }
                return
            }
        }
    }

    private mutating func keep(_ found: PendingDamage, _ segment: inout SegmentSummary, _ from: RecordLocation?) {
        // The summary tells what was stored, so that what has no legible index can be told by subtraction.
        if let metadata = found.metadata { segment.add(metadata.blocks) }
        let keys = found.metadata?.positions.map { PositionKey($0.key) } ?? []
        let isReplayed = from.map { found.location >= $0 } ?? true
        for key in keys where isReplayed { awaited[key, default: []].append(damage.count) }
        damage.append(
            Damage(location: found.location, next: found.next, isLost: keys.isEmpty || !isReplayed))
    }

    private mutating func apply(_ metadata: RecordMetadata, at location: RecordLocation, _ from: RecordLocation?) {
        if let from, location < from { return }
        replayed += 1
        positions.apply(metadata.positions)
        if awaited.isEmpty { return }
        for update in metadata.positions {
            for index in awaited.removeValue(forKey: PositionKey(update.key)) ?? [] { damage[index].isLost = true }
        }
    }

    /// Makes the last segment fit to be written on, or leaves it closed.
    private mutating func finish(
        _ file: StoreFile, _ segment: inout SegmentSummary, size: UInt64, headerIsIntact: Bool
    ) throws(SystemError) {
        guard headerIsIntact || segment.isEmpty else { return }
        do throws(SystemError) {
            if !headerIsIntact {
                try file.truncate(to: 0)
                try file.write(
                    SegmentFormat.kind.header(number: segment.number).bytes, RawSpan(), at: 0, faults: DiskFaults())
                try file.synchronize()
            } else if size > segment.end {
                try file.truncate(to: segment.end)
                try file.synchronize()
            }
            active = file
        } catch {
            trouble.append("\(error): a new segment is begun")
        }
    }
}

/// A position's key, compared byte for byte: two paths that String calls equal, because they differ only in how an
/// accent is composed, are two files.
struct PositionKey: Hashable, Sendable {
    let text: String
    init(_ text: String) { self.text = text }

    static func == (a: PositionKey, b: PositionKey) -> Bool { a.text.utf8.elementsEqual(b.text.utf8) }

    func hash(into hasher: inout Hasher) {
        var text = text
        text.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
    }
}

extension [PositionKey: [UInt8]] {
    /// Later updates win; an empty value forgets its key.
    mutating func apply(_ updates: [PositionUpdate]) {
        for update in updates { self[PositionKey(update.key)] = update.value.isEmpty ? nil : update.value }
    }
}
