import Bytes
import Glibc
import Telemetry

/// How far somebody has read the history of bans.
package struct BanEventPosition: Sendable, Equatable {
    /// The time of the file's first event, as bits: files have no numbers, and no two begin with the same event.
    var file: UInt64
    /// Of the first byte that has not been read.
    var offset: UInt64

    init(file: UInt64, offset: UInt64) {
        self.file = file
        self.offset = offset
    }

    /// nil for bytes that `encoded` does not make.
    package init?(encoded bytes: [UInt8]) {
        let span = bytes.span.bytes
        guard bytes.count == 16, let file = span.load(littleEndian: 0, as: UInt64.self),
            let offset = span.load(littleEndian: 8, as: UInt64.self)
        else { return nil }
        self.init(file: file, offset: offset)
    }

    package var encoded: [UInt8] {
        var buffer = ByteBuffer(capacity: 16)
        buffer.append(littleEndian: file)
        buffer.append(littleEndian: offset)
        return [UInt8](buffer.bytes)
    }
}

extension BanStore {
    /// The next events after a position, oldest first, a few hundred; from the beginning without one, and where the file that was read is
    /// gone. The position is nil while there is no event at all.
    package func events(
        after position: BanEventPosition?
    ) throws(SystemError) -> (events: [BanEvent], position: BanEventPosition?) {
        var place = position
        for (file, first) in try eventFiles(from: position?.file) {
            let start = place?.file == first ? place?.offset : nil
            var events: [BanEvent] = []
            let end = try BanEventLog.scan(file, from: start) { record in
                if let event = BanEvent(record) { events.append(event) }
                return events.count < 500
            }
            place = BanEventPosition(file: first, offset: end ?? 0)
            if !events.isEmpty { return (events, place) }
        }
        return ([], place)
    }

    /// Those with events, the older one first; without it where `wanted` is the newer one.
    private func eventFiles(from wanted: UInt64?) throws(SystemError) -> [(file: StoreFile, first: UInt64)] {
        var found: [(file: StoreFile, first: UInt64)] = []
        // In this order: what takes the place of the older one meanwhile has been opened then.
        for name in [BanEventLog.name, BanEventLog.name + ".old"] {
            do throws(SystemError) {
                let file = try StoreFile(path: directory.file(name), flags: O_RDONLY | O_NONBLOCK)
                var first: UInt64?
                _ = try BanEventLog.scan(file) { record in
                    first = BanEvent(record)?.time.bitPattern
                    return first == nil
                }
                guard let first, !found.contains(where: { $0.first == first }) else { continue }
                found.insert((file, first), at: 0)
                if first == wanted { break }
            } catch {
                if error.code != ENOENT { throw error }
            }
        }
        return found
    }

    /// Waits until more batches than `count` have been written, `isOver` (asked anew after each `wake`), or so many seconds are over.
    package func waitForEvents(after count: UInt64, seconds: Double, unless isOver: () -> Bool) {
        _ = batches.wait(until: Timestamp.monotonic.adding(seconds: seconds)) { $0 > count || isOver() ? true : nil }
    }

    /// Batches of events that this process has written.
    package var eventBatches: UInt64 { batches.withLock { $0 } }

    /// Has those who wait look whether it is over.
    package func wake() { batches.change { _ in } }
}
