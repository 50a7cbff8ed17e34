import Bytes
import Glibc
import Synchronization
import Telemetry
import TestSupport
import Testing

@testable import Exporter

@Suite("Remote write queue")
struct DiskQueueTests {
    private let folder = QueueFolder()
    private let drops = DropRecorder()

    private func open(maxSize: Int = 64 << 20, faults: DiskFaults = DiskFaults()) throws -> DiskQueue {
        try DiskQueue(
            directory: folder.path, maxSize: maxSize, logger: quiet, faults: faults,
            onDrop: { [drops] samples, _, reason in drops.add(samples, reason) })
    }

    /// Appends a record that holds `number` and says that it has `samples`.
    private func append(_ number: Int, to queue: DiskQueue, samples: Int = 1, size: Int = 40) {
        var payload = Array("\(number):".utf8)
        payload += [UInt8](repeating: UInt8(truncatingIfNeeded: number), count: max(0, size - payload.count))
        queue.append(
            payload.span.bytes, RecordSummary(samples: samples, exemplars: 0, oldest: 1, newest: 2),
            arrived: Int64(number))
    }

    /// All that can be read from what is acknowledged on, and where it ends.
    private func read(_ queue: DiskQueue) throws -> (numbers: [Int], end: QueuePosition, damage: QueueDamage) {
        var position = queue.acknowledged
        var damage = QueueDamage()
        var reader = QueueReader()
        var numbers: [Int] = []
        while true {
            var payload = ByteBuffer()
            let result = try queue.read(
                after: &position, sampleLimit: .max, damage: &damage, &reader, into: &payload)
            guard case .record = result else { return (numbers, position, damage) }
            let text = String(lossy: payload.bytes).prefix { $0 != ":" }
            numbers.append(Int(text) ?? -1)
        }
    }

    @Test("records come out as they went in, across a restart, and not again once acknowledged")
    func order() throws {
        var first: DiskQueue? = try open()
        if let queue = first {
            for number in 0..<100 { append(number, to: queue) }
            #expect(queue.samples == 100 && queue.oldestArrival == 0)
            #expect(try read(queue).numbers == Array(0..<100))
        }
        first = nil
        let again = try open()
        #expect(again.samples == 100)
        var position = again.acknowledged
        var damage = QueueDamage()
        var reader = QueueReader()
        var payload = ByteBuffer()
        for _ in 0..<30 {
            _ = try again.read(after: &position, sampleLimit: 5, damage: &damage, &reader, into: &payload)
        }
        again.acknowledge(position, samples: 30, exemplars: 0)
        #expect(again.samples == 70 && again.oldestArrival == 30)
        append(100, to: again)
        #expect(try read(again).numbers == Array(30...100))
        #expect(damage == QueueDamage())
    }

    @Test("what was acknowledged before the process ended is not sent again")
    func cursor() throws {
        var first: DiskQueue? = try open()
        if let queue = first {
            for number in 0..<10 { append(number, to: queue) }
            queue.acknowledge(try read(queue).end, samples: 10, exemplars: 0)
            append(10, to: queue)
        }
        first = nil
        let again = try open()
        #expect(again.samples == 1)
        #expect(try read(again).numbers == [10])
        again.acknowledge(try read(again).end, samples: 1, exemplars: 0)
        append(11, to: again)
        #expect(folder.segments.count == 1, "\(folder.segments)")
        #expect(drops.count(.damaged) == 0)
    }

    @Test("nobody else gets a queue that is open, nor one in a directory that cannot be written")
    func locked() throws {
        let queue = try open()
        let refused = #expect(throws: DiskQueueError.self) { _ = try open() }
        #expect(refused?.description.contains("something else uses the queue in \(folder.path)") == true)
        queue.close()
        _ = try open()
        let error = #expect(throws: DiskQueueError.self) {
            _ = try DiskQueue(directory: "/proc/nowhere", maxSize: 1 << 20, logger: quiet, onDrop: { _, _, _ in })
        }
        #expect(error?.description.contains("/proc/nowhere") == true)
    }

    @Test("at its size the oldest segment goes, counted, and the newest stay")
    func full() throws {
        let queue = try open(maxSize: 1 << 20)
        for number in 0..<3000 { append(number, to: queue, samples: 10, size: 1000) }
        #expect(queue.size <= 1 << 20)
        let numbers = try read(queue).numbers
        #expect(numbers.last == 2999 && numbers == Array((numbers.first ?? 0)...2999))
        #expect(drops.count(.queueFull) == (3000 - numbers.count) * 10)
        #expect(queue.samples == numbers.count * 10)
        // An acknowledgement of what has gone meanwhile changes nothing.
        queue.acknowledge(QueuePosition(segment: 1, offset: 40, sequence: 1), samples: 10, exemplars: 0)
        #expect(try read(queue).numbers == numbers)
    }

    @Test("what a full disk does not take waits in memory, in order, and is written when it does")
    func diskFull() throws {
        let faults = Faults()
        let queue = try open(faults: faults.disk)
        append(0, to: queue)
        faults.isFull = true
        for number in 1..<5 { append(number, to: queue) }
        #expect(queue.trouble?.contains("errno \(ENOSPC)") == true)
        #expect(try read(queue).numbers == [0, 1, 2, 3, 4] && queue.samples == 5)
        // Sent from memory.
        var position = queue.acknowledged
        var damage = QueueDamage()
        var reader = QueueReader()
        var payload = ByteBuffer()
        for _ in 0..<2 {
            _ = try queue.read(after: &position, sampleLimit: .max, damage: &damage, &reader, into: &payload)
        }
        queue.acknowledge(position, samples: 2, exemplars: 0)
        faults.isFull = false
        append(5, to: queue)
        #expect(queue.trouble == nil && queue.samples == 4)
        #expect(try read(queue).numbers == [2, 3, 4, 5])
        #expect(drops.count(.queueFull) == 0)
        // The bound of what waits.
        faults.isFull = true
        for number in 6..<20 { append(number, to: queue, size: 1 << 20) }
        #expect(drops.count(.queueFull) == 10 && queue.samples == 8)
        #expect(try read(queue).numbers == [2, 3, 4, 5, 16, 17, 18, 19])
    }

    @Test("a record half written at the end is left out and costs nothing else", arguments: [1, 40, 64, 100])
    func torn(missing: Int) throws {
        var first: DiskQueue? = try open()
        if let queue = first { for number in 0..<10 { append(number, to: queue, size: 60) } }
        first = nil
        let name = try #require(folder.segments.first)
        try folder.write(Array(try folder.bytes(name).dropLast(missing)), to: name)
        let queue = try open()
        append(10, to: queue)
        let found = try read(queue)
        #expect(found.numbers == Array(0..<9) + [10])
        #expect(found.damage.bytes == 124 - missing)
    }

    @Test("a segment that somebody has deleted is passed over and counted")
    func deleted() throws {
        let queue = try open(maxSize: 1 << 20)
        for number in 0..<200 { append(number, to: queue, size: 1000) }
        let second = folder.segments[1]
        unlink("\(folder.path)/\(second)")
        let found = try read(queue)
        #expect(found.numbers.count < 200 && found.numbers.last == 199)
        queue.acknowledge(found.end, samples: found.numbers.count, exemplars: 0)
        #expect(drops.count(.damaged) == 200 - found.numbers.count && queue.samples == 0)
    }

    @Test("a segment of a later version is left alone")
    func newer() throws {
        var first: DiskQueue? = try open()
        if let queue = first { append(0, to: queue) }
        first = nil
        let name = try #require(folder.segments.first)
        var bytes = try folder.bytes(name)
        bytes[8] = 2
        let checksum = bytes.span.bytes.slice(0, 28).crc32c()
        for index in 0..<4 { bytes[28 + index] = UInt8(truncatingIfNeeded: checksum >> (8 * UInt32(index))) }
        try folder.write(bytes, to: name)
        let queue = try open()
        append(1, to: queue)
        #expect(try read(queue).numbers == [1])
        #expect(folder.segments.count == 2)
    }

    @Test(
        "fuzz: files changed, cut and deleted at random are read as far as they are whole",
        arguments: [SeededRandom.seed()])
    func queueFuzz(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        for round in 0..<20 {
            let folder = QueueFolder()
            let drops = DropRecorder()
            func open() throws -> DiskQueue {
                try DiskQueue(
                    directory: folder.path, maxSize: 1 << 20, logger: quiet,
                    onDrop: { samples, _, reason in drops.add(samples, reason) })
            }
            var first: DiskQueue? = try open()
            let count = Int.random(in: 1...200, using: &random)
            if let queue = first {
                for number in 0..<count { append(number, to: queue, size: Int.random(in: 1...3000, using: &random)) }
                if Bool.random(using: &random) { queue.acknowledge(try read(queue).end, samples: count, exemplars: 0) }
                for number in count..<(count + 50) { append(number, to: queue) }
            }
            first = nil
            for name in try StoreDirectory(path: folder.path).names() where name != "lock" {
                var bytes = try folder.bytes(name)
                guard !bytes.isEmpty, Bool.random(using: &random) else { continue }
                if Int.random(in: 0..<10, using: &random) == 0 {
                    unlink("\(folder.path)/\(name)")
                    continue
                }
                for _ in 0..<Int.random(in: 1...5, using: &random) {
                    bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
                }
                if Bool.random(using: &random) { bytes.removeLast(Int.random(in: 0..<bytes.count, using: &random)) }
                if Int.random(in: 0..<5, using: &random) == 0 { bytes += [UInt8](repeating: 0, count: 5000) }
                try folder.write(bytes, to: name)
            }
            let queue = try open()
            append(9999, to: queue)
            let found = try read(queue)
            #expect(found.numbers.last == 9999, "round \(round)")
            #expect(found.numbers == found.numbers.sorted(), "round \(round): \(found.numbers)")
            #expect(Set(found.numbers).count == found.numbers.count)
            queue.acknowledge(found.end, samples: found.numbers.count, exemplars: 0)
            #expect(queue.samples == 0 && queue.oldestArrival == nil, "round \(round)")
        }
    }
}

/// A disk that is full when it is told.
private final class Faults: Sendable {
    private let full = Mutex(false)

    var isFull: Bool {
        get { full.withLock { $0 } }
        set { full.withLock { $0 = newValue } }
    }

    var disk: DiskFaults { DiskFaults(write: { [self] length in isFull ? (ENOSPC, length / 2) : (0, 0) }) }
}
