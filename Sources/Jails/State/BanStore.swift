import Bytes
import Synchronization
import Telemetry

/// The state of bans under `bans/` of the state directory: who is banned, who was and how often, what happened, and how far jails
/// have read their logs.
///
/// Whatever is told is known at once in memory and on disk with the next `commit`, which whoever enforces bans calls with each
/// batch: one write and, if there is a ban in it, one `fdatasync`. A crash costs what came after the last commit. A disk that is
/// full or broken costs nothing but that: it goes on in memory, `numbers.failure` tells, and all is written once it can be.
/// Deleting the files loses the bans, the counts that lengthen them, their history and the logs' positions. Safe from any thread.
package final class BanStore: BanHistory {
    package struct Limits: Sendable, Equatable {
        /// Seconds that a ban is remembered after it began, and three times its duration if that is longer.
        package var leastAge = 86_400.0
        /// Bans that are remembered, those that are over going first. Some 75 bytes of memory each.
        package var mostBans = 400_000
        /// Bytes of the history on disk.
        package var historySize: UInt64 = 16 << 20

        package init() {}
    }

    /// Positions of logs at most, and bytes of each.
    static let mostPositions = 10_000
    static let mostPosition = 64 << 10
    /// Bytes that wait for a commit; beyond them it writes the whole state.
    private static let mostPending = 8 << 20
    /// Seconds between attempts to write to a disk that fails.
    private static let longestWait = 60.0

    private struct Memory: ~Copyable {
        var bans = RememberedBans()
        var positions: [String: [UInt8]] = [:]
        /// Records that are not on disk yet.
        var pending: [UInt8] = []
        /// Where in them the groups of bans lie.
        var places: [(target: BanTarget, jail: String, offset: Int)] = []
        var mustSynchronize = false
        /// More was told than is pending.
        var isOverfull = false
        var events: [UInt8] = []
        var scratch = ByteBuffer(capacity: 512)
        var lostEvents = 0
        var refused = 0
        var nextPurge = 0.0
    }

    private struct Disk: ~Copyable {
        var state: BanStateFile
        var events: BanEventLog
        var failure: String?
        /// Of writing the whole state.
        var nextAttempt = 0.0
        var wait = 0.0
    }

    let directory: StoreDirectory
    private let limits: Limits
    private let clock: @Sendable () -> Double
    private let memory = Mutex(Memory())
    /// Counts batches of events on disk, for who follows them.
    let batches = Condition<UInt64>(0)
    private let disk: Mutex<Disk>
    /// What was wrong with the files when this began.
    package let trouble: [String]

    /// Reads what is in `directory`, which is made if it is not there. Whatever is in it, this begins.
    ///
    /// - Parameter clock: seconds since 1970.
    package init(
        directory: String, limits: Limits = Limits(), faults: DiskFaults = DiskFaults(),
        clock: @escaping @Sendable () -> Double = { Timestamp.now.secondsSince1970 }
    ) {
        let files = StoreDirectory(path: directory)
        self.directory = files
        self.limits = limits
        self.clock = clock
        var disk = Disk(
            state: BanStateFile(directory: files, name: "bans.state", faults: faults),
            events: BanEventLog(directory: files, limit: limits.historySize, faults: faults))
        var trouble = memory.withLock { memory in
            let trouble = disk.state.load { Self.apply($0, at: $1, &memory) }
            memory.bans.purge(now: clock(), leastAge: limits.leastAge, most: limits.mostBans)
            memory.nextPurge = clock() + 3600
            return trouble
        }
        trouble += disk.events.open()
        self.trouble = trouble
        self.disk = Mutex(disk)
    }

    private static func apply(_ record: RawSpan, at place: UInt64, _ memory: inout Memory) -> Bool {
        var reader = BanRecordReader(record)
        switch reader.byte() {
        case RememberedBans.Kind.position:
            guard let key = reader.text(), let value = reader.range(), reader.isAtEnd else { return false }
            memory.positions[key] = [UInt8](record.extracting(value))
            return true
        case RememberedBans.Kind.positionForgotten:
            guard let key = reader.text(), reader.isAtEnd else { return false }
            memory.positions[key] = nil
            return true
        default: return memory.bans.apply(record, at: place)
        }
    }

    // MARK: Bans

    package func record(of target: BanTarget, in jail: String?) -> BanRecord? {
        memory.withLock { $0.bans.record(of: target, in: jail) }
    }

    package func add(_ ban: Ban) { put(ban, .banned, why: "") }
    package func prolong(_ ban: Ban) { put(ban, .prolonged, why: "") }

    private func put(_ ban: Ban, _ kind: BanEvent.Kind, why: String) {
        let now = clock()
        memory.withLock { memory in
            let keepsGroups = kind == .prolonged && ban.groups.isEmpty
            guard Self.isKept(ban), memory.bans.set(ban, isActive: true, keepsGroups: keepsGroups) != nil else {
                memory.refused += 1
                return
            }
            if !ban.groups.isEmpty { memory.places.append((ban.target, ban.jail, memory.pending.count)) }
            Self.queue(&memory) { RememberedBans.write(ban, isActive: true, keepsGroups: keepsGroups, into: &$0) }
            memory.mustSynchronize = true
            Self.queue(BanEvent(kind, ban, why: why, time: now), &memory)
        }
    }

    /// What cannot be written so that it is read again as it was is not kept.
    private static func isKept(_ ban: Ban) -> Bool {
        if case .text(let text) = ban.target, text.utf8.count > BanTextLimit.target { return false }
        return ban.time.isFinite && !ban.duration.isNaN && ban.jail.utf8.count <= BanTextLimit.jail && !ban.jail.isEmpty
    }

    /// A ban is over; that it was is remembered. `why` in words: that its time was over, who said so.
    package func end(_ ban: Ban, why: String) {
        let now = clock()
        memory.withLock { memory in
            guard memory.bans.end(ban.target, in: ban.jail) else { return }
            Self.queue(&memory) { RememberedBans.write(RememberedBans.Kind.ended, ban.target, in: ban.jail, into: &$0) }
            Self.queue(BanEvent(.unbanned, ban, why: why, time: now), &memory)
        }
    }

    package func remove(_ target: BanTarget, in jail: String?) {
        let now = clock()
        memory.withLock { memory in
            for number in memory.bans.numbers(of: target) {
                guard let (ban, _) = memory.bans.ban(number), jail == nil || jail == ban.jail else { continue }
                Self.queue(BanEvent(.forgotten, ban, time: now), &memory)
            }
            guard memory.bans.forget(target, in: jail) else { return }
            memory.mustSynchronize = true
            Self.queue(&memory) {
                RememberedBans.write(RememberedBans.Kind.forgotten, target, in: jail ?? "", into: &$0)
            }
        }
    }

    /// Something for the history alone: what was observed or ignored.
    package func note(_ event: BanEvent) { memory.withLock { Self.queue(event, &$0) } }

    /// Takes over bans and counts that another program has kept, those that are over among them. Nothing comes into the history,
    /// and what is known of somebody here stays.
    package func adopt(_ bans: [(ban: Ban, isActive: Bool)]) {
        memory.withLock { memory in
            for (ban, isActive) in bans {
                guard Self.isKept(ban), memory.bans.record(of: ban.target, in: ban.jail) == nil else { continue }
                guard memory.bans.set(ban, isActive: isActive) != nil else {
                    memory.refused += 1
                    continue
                }
                if isActive, !ban.groups.isEmpty { memory.places.append((ban.target, ban.jail, memory.pending.count)) }
                Self.queue(&memory) { RememberedBans.write(ban, isActive: isActive, into: &$0) }
            }
            memory.mustSynchronize = true
        }
    }

    /// Bans that stand, of one jail or of all, without matches; as restored ones. Their groups are read from the disk if they are
    /// wanted: some hundred bytes each.
    package func bans(of jail: String?, withGroups: Bool = false) -> [Ban] {
        var (bans, places): ([Ban], [UInt32]) = ([], [])
        forEachBan { ban, place in
            guard jail == nil || jail == ban.jail else { return }
            bans.append(ban)
            if withGroups { places.append(place) }
        }
        guard withGroups else { return bans }
        disk.withLock { disk in
            guard let file = disk.state.file else { return }
            var window = BanRecordWindow(file)
            for index in bans.indices where places[index] != 0 {
                bans[index].groups = window.groups(of: bans[index], at: UInt64(places[index]))
            }
        }
        return bans
    }

    /// Each ban that stands, of all jails, without matches and groups; as restored ones. `body` must not call the store.
    package func forEachBan(_ body: (Ban) -> Void) { forEachBan { ban, _ in body(ban) } }

    private func forEachBan(_ body: (Ban, UInt32) -> Void) {
        let now = clock()
        memory.withLock { memory in
            for number in memory.bans.numbers {
                guard let (found, isActive) = memory.bans.ban(number), isActive, found.end > now else { continue }
                var ban = found
                ban.isRestored = true
                body(ban, memory.bans.place(number))
            }
        }
    }

    /// The groups of a ban that was committed, read from the disk.
    package func groups(of ban: Ban) -> [String: String] {
        let place = memory.withLock { memory in
            memory.bans.find(ban.target, in: ban.jail).map { memory.bans.place($0) } ?? 0
        }
        guard place != 0 else { return [:] }
        return disk.withLock { disk in
            guard let file = disk.state.file else { return [:] }
            var window = BanRecordWindow(file)
            return window.groups(of: ban, at: UInt64(place))
        }
    }

    // MARK: Positions

    /// How far a log has been read, in words of whoever reads it.
    package func position(_ source: String) -> [UInt8]? { memory.withLock { $0.positions[source] } }

    /// Is on disk with the bans that were told before, or after them. Nil forgets it. False where there is no room.
    @discardableResult
    package func setPosition(_ source: String, _ position: [UInt8]?) -> Bool {
        memory.withLock { memory in
            guard let position else {
                guard memory.positions.removeValue(forKey: source) != nil else { return true }
                Self.queue(&memory) { buffer in
                    buffer.append(RememberedBans.Kind.positionForgotten)
                    buffer.append(field: source)
                }
                return true
            }
            guard position.count + source.utf8.count <= Self.mostPosition,
                memory.positions.count < Self.mostPositions || memory.positions[source] != nil
            else { return false }
            guard memory.positions[source] != position else { return true }
            memory.positions[source] = position
            Self.queue(&memory) { Self.write(source, position, into: &$0) }
            return true
        }
    }

    package var positionSources: [String] { memory.withLock { Array($0.positions.keys) } }

    private static func write(_ source: String, _ position: [UInt8], into buffer: inout ByteBuffer) {
        buffer.append(RememberedBans.Kind.position)
        buffer.append(field: source)
        buffer.append(varint: UInt64(position.count))
        buffer.append(position)
    }

    // MARK: Writing

    private static func queue(_ memory: inout Memory, _ body: (inout ByteBuffer) -> Void) {
        memory.scratch.removeAll()
        RecordFrame.append(to: &memory.scratch, body)
        guard memory.pending.count + memory.scratch.count <= mostPending else {
            memory.isOverfull = true
            return
        }
        memory.pending += [UInt8](memory.scratch.bytes)
    }

    private static func queue(_ event: BanEvent, _ memory: inout Memory) {
        memory.scratch.removeAll()
        RecordFrame.append(to: &memory.scratch) { event.write(into: &$0) }
        guard memory.events.count + memory.scratch.count <= mostPending else {
            memory.lostEvents += 1
            return
        }
        memory.events += [UInt8](memory.scratch.bytes)
    }

    /// Writes what was told since the last time. Waits for the disk.
    package func commit() {
        let now = clock()
        disk.withLock { disk in
            let (records, places, isUrgent, isOverfull, events) = memory.withLock { memory in
                if now >= memory.nextPurge
                    || (memory.bans.count > limits.mostBans && memory.bans.count > memory.bans.active)
                {
                    memory.bans.purge(now: now, leastAge: limits.leastAge, most: limits.mostBans)
                    memory.nextPurge = now + 3600
                }
                let batch = (memory.pending, memory.places, memory.mustSynchronize, memory.isOverfull, memory.events)
                memory.pending = []
                memory.places = []
                memory.mustSynchronize = false
                memory.isOverfull = false
                memory.events = []
                return batch
            }
            do throws(SystemError) {
                let start: UInt64
                // After a failure all is written anew: that nothing was to be written is no success.
                if !isOverfull, disk.failure == nil, disk.state.takes(records.count) {
                    guard !records.isEmpty else { return try write(events, &disk) }
                    start = try disk.state.append(records.span.bytes, durably: isUrgent)
                } else {
                    // The clock may have been set back.
                    guard now >= disk.nextAttempt || disk.nextAttempt - now > Self.longestWait else {
                        return lose(events)
                    }
                    start = try rewrite(records, &disk)
                }
                settle(places, start)
                try write(events, &disk)
            } catch {
                lose(events)
                disk.failure = error.description
                disk.wait = min(max(1, disk.wait * 2), Self.longestWait)
                disk.nextAttempt = now + disk.wait
            }
        }
    }

    private func write(_ events: [UInt8], _ disk: inout Disk) throws(SystemError) {
        if !events.isEmpty { try disk.events.append(events.span.bytes) }
        if !events.isEmpty { batches.change { $0 += 1 } }
        disk.failure = nil
        disk.wait = 0
    }

    private func lose(_ events: [UInt8]) {
        if !events.isEmpty { memory.withLock { $0.lostEvents += Self.count(events) } }
    }

    private static func count(_ records: [UInt8]) -> Int {
        var (count, offset) = (0, 0)
        while let end = RecordFrame.end(records.span.bytes, at: offset) { (count, offset) = (count + 1, end) }
        return count
    }

    /// The records of a batch, which begin at `start`, are where their bans' groups are found.
    private func settle(_ places: [(target: BanTarget, jail: String, offset: Int)], _ start: UInt64) {
        guard !places.isEmpty else { return }
        memory.withLock { memory in
            for place in places {
                guard let number = memory.bans.find(place.target, in: place.jail) else { continue }
                memory.bans.setPlace(number, UInt32(exactly: start + UInt64(place.offset)) ?? 0)
            }
        }
    }

    /// Writes all that is known, and behind it a batch that is part of it: where the batch begins.
    private func rewrite(_ batch: [UInt8], _ disk: inout Disk) throws(SystemError) -> UInt64 {
        let old = disk.state.file
        var start: UInt64 = 0
        var places: [(number: Int, place: UInt32)] = []
        try disk.state.rewrite { (writer: inout BanStateFile.Writer) throws(SystemError) in
            try memory.withLock { memory throws(SystemError) in
                var window = old.map { BanRecordWindow($0) }
                for number in memory.bans.numbers {
                    guard let (known, isActive) = memory.bans.ban(number) else { continue }
                    var ban = known
                    let place = memory.bans.place(number)
                    if place != 0, isActive { ban.groups = window?.groups(of: ban, at: UInt64(place)) ?? [:] }
                    let new = try writer.add { RememberedBans.write(ban, isActive: isActive, into: &$0) }
                    if place != 0 { places.append((number, ban.groups.isEmpty ? 0 : UInt32(exactly: new) ?? 0)) }
                }
                for (source, position) in memory.positions {
                    _ = try writer.add { Self.write(source, position, into: &$0) }
                }
            }
            start = writer.length
            writer.buffer.append(batch)
        }
        // Nothing moves entries but a purge, which comes with a commit.
        memory.withLock { memory in
            for (number, place) in places where memory.bans.place(number) != 0 { memory.bans.setPlace(number, place) }
        }
        return start
    }

    // MARK: Telling

    package struct Numbers: Sendable {
        /// Bans that stand.
        package var active = 0
        /// Those that are over and remembered among them.
        package var remembered = 0
        /// Bans that could not be kept: a text of more than a KiB, too many jails.
        package var refused = 0
        /// Events that are not in the history because the disk did not take them.
        package var lostEvents = 0
        package var memoryBytes = 0
        package var diskBytes: UInt64 = 0
        /// What the last attempt to write failed of; nil when all is written.
        package var failure: String?
    }

    package var numbers: Numbers {
        var numbers = memory.withLock { memory in
            Numbers(
                active: memory.bans.active, remembered: memory.bans.count, refused: memory.refused,
                lostEvents: memory.lostEvents, memoryBytes: memory.bans.byteCount)
        }
        disk.withLock { disk in
            numbers.failure = disk.failure
            numbers.diskBytes = disk.state.length + disk.events.size
        }
        return numbers
    }
}
