import Synchronization

/// What is remembered of somebody's bans, whether they still hold or not.
package struct BanRecord: Sendable, Equatable {
    /// How many times.
    package var count: Int
    /// Of the latest, as `Ban.time` is. Seconds since 1970.
    package var lastTime: Double
    /// Of the latest. Seconds; negative for ever.
    package var lastDuration: Double

    package init(count: Int, lastTime: Double, lastDuration: Double) {
        self.count = count
        self.lastTime = lastTime
        self.lastDuration = lastDuration
    }

    /// Of several jails together, as `bantime.overalljails` counts them.
    package func joined(with other: BanRecord) -> BanRecord {
        let latest = other.lastTime > lastTime ? other : self
        return BanRecord(
            count: count &+ other.count, lastTime: latest.lastTime, lastDuration: latest.lastDuration)
    }
}

/// Past bans of all jails, which lengthen those that come. Asked for every failure of a jail with `bantime.increment`, so it answers
/// from memory. Of several threads.
package protocol BanHistory: AnyObject, Sendable {
    /// In one jail, or with nil in all of them together. Nil for who was never banned, or so long ago that it is forgotten.
    func record(of target: BanTarget, in jail: String?) -> BanRecord?

    /// A new ban, with its final duration and `count`; not for a restored one.
    func add(_ ban: Ban)

    /// The ban that stands lasts longer now.
    func prolong(_ ban: Ban)

    /// Somebody is forgiven: in one jail, or with nil in all. What `unban` by a person does.
    func remove(_ target: BanTarget, in jail: String?)
}

/// A history for as long as the process lives, of at most `capacity` targets: at the bound the half goes whose last bans are oldest.
package final class MemoryBanHistory: BanHistory {
    package let capacity: Int
    private let records = Mutex<[BanTarget: [String: BanRecord]]>([:])

    package init(capacity: Int = 200_000) { self.capacity = max(capacity, 1) }

    package func record(of target: BanTarget, in jail: String?) -> BanRecord? {
        records.withLock { records in
            guard let jails = records[target] else { return nil }
            guard let jail else {
                return jails.values.reduce(nil as BanRecord?) { $0?.joined(with: $1) ?? $1 }
            }
            return jails[jail]
        }
    }

    package func add(_ ban: Ban) {
        let record = BanRecord(count: ban.count, lastTime: ban.time, lastDuration: ban.duration)
        records.withLock { records in
            if records.count >= capacity, records[ban.target] == nil { Self.dropOldestHalf(&records) }
            records[ban.target, default: [:]][ban.jail] = record
        }
    }

    package func prolong(_ ban: Ban) {
        records.withLock { records in
            guard records[ban.target]?[ban.jail] != nil else { return }
            records[ban.target]?[ban.jail]?.lastTime = ban.time
            records[ban.target]?[ban.jail]?.lastDuration = ban.duration
        }
    }

    package func remove(_ target: BanTarget, in jail: String?) {
        records.withLock { records in
            guard let jail else {
                records[target] = nil
                return
            }
            records[target]?[jail] = nil
            if records[target]?.isEmpty == true { records[target] = nil }
        }
    }

    private static func dropOldestHalf(_ records: inout [BanTarget: [String: BanRecord]]) {
        let byAge = records.map { (target: $0.key, time: $0.value.values.map(\.lastTime).max() ?? 0) }
            .sorted { $0.time < $1.time }
        for entry in byAge.prefix(max(1, byAge.count / 2)) { records[entry.target] = nil }
    }
}
