import Bytes
import Telemetry

/// A container's line that came in pieces and whose last one is still to come.
struct PartialJoin: ~Copyable {
    var isOpen = false
    /// What is not given out yet.
    var text = ByteBuffer()
    /// Structured metadata of the first piece.
    var attributes = ByteBuffer()
    /// Time of the first piece.
    var time = Timestamp(nanoseconds: 0)
    /// Offset of the first piece in `generation`.
    var start: UInt64 = 0
    var generation: Generation?
    var cut = LineCut()

    mutating func open(_ record: ContainerRecord, at offset: UInt64, of generation: Generation) {
        isOpen = true
        time = record.time
        start = offset
        self.generation = generation
    }

    mutating func close() {
        isOpen = false
        text.removeAll()
        text.release(downTo: 64 << 10)
        attributes.removeAll()
        cut = LineCut()
        // Its position no longer needs to go back to the line's beginning.
        generation?.isDirty = true
        generation = nil
    }
}

/// The unfinished lines of one file, by stream. They outlive a rotation.
final class PartialJoins {
    var stdout = PartialJoin()
    var stderr = PartialJoin()

    var isOpen: Bool { stdout.isOpen || stderr.isOpen }

    /// Where the unfinished lines begin as seen from `generation`: those begun in an older one, at its very start.
    func starts(in generation: Generation) -> [UInt64?] {
        [Self.start(stdout, generation), Self.start(stderr, generation)]
    }

    private static func start(_ join: borrowing PartialJoin, _ generation: Generation) -> UInt64? {
        guard join.isOpen, let first = join.generation else { return nil }
        if first === generation { return join.start }
        return first.sequence < generation.sequence ? 0 : nil
    }
}
