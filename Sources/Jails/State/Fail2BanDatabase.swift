import Bytes
import CSQLite
import Glibc

/// `fail2ban.sqlite3`: what fail2ban remembers of bans (`server/database.py`, versions 3 and 4 of its tables). Only read, and beside a
/// fail2ban that runs.
package struct Fail2BanDatabase: Sendable {
    package let path: String

    /// What was taken over.
    package struct Summary: Sendable, Equatable {
        package var active = 0
        /// Bans that are over, whose counts lengthen the next.
        package var ended = 0
        /// Rows that say nothing that can be used, such as a ban without a time.
        package var skipped = 0
        /// Events for the history.
        package var events = 0

        package init() {}
    }

    package struct Failure: Error, CustomStringConvertible, Sendable, Equatable {
        package var description: String
    }

    /// Events that are taken over at most, the newest.
    static let mostEvents = 5000

    package init(path: String) { self.path = path }

    /// Takes over what `store` does not know yet: bans that stand, counts of those that are over and, into a history in which there
    /// is nothing, the newest events. Commits.
    package func read(into store: BanStore, now: Double) throws(Failure) -> Summary {
        let database = try open()
        defer { csqlite_close(database) }
        var batch: [(ban: Ban, isActive: Bool)] = []
        var summary = try last(database, now: now) { ban, isActive in
            batch.append((ban, isActive))
            if batch.count == 1000 {
                store.adopt(batch)
                store.commit()
                batch = []
            }
        }
        store.adopt(batch)
        store.commit()
        var anyone = BanEventQuery()
        anyone.limit = 1
        if let events = try? store.events(anyone), events.isEmpty {
            let newest = "SELECT * FROM bans ORDER BY timeofban DESC LIMIT \(Self.mostEvents)"
            try query(
                database, "SELECT jail, ip, timeofban, bantime, bancount, data FROM (\(newest)) ORDER BY timeofban"
            ) { row in
                guard let ban = Self.ban(row) else { return }
                summary.events += 1
                store.note(BanEvent(.banned, ban, why: "by fail2ban", time: ban.time))
            }
            store.commit()
        }
        return summary
    }

    /// What `read` would take over, without the events.
    package func counts(now: Double) throws(Failure) -> Summary {
        let database = try open()
        defer { csqlite_close(database) }
        return try last(database, now: now) { _, _ in }
    }

    /// The last ban of everybody in each jail, without its lines, and whether it stands.
    private func last(
        _ database: OpaquePointer, now: Double, _ take: (Ban, _ isActive: Bool) -> Void
    ) throws(Failure) -> Summary {
        var summary = Summary()
        // Of an equal time the later row counts. Version 3 had no table of the last bans.
        let table =
            try version(database) >= 4
            ? "bips"
            : "(SELECT ip, jail, max(timeofban) AS timeofban, bantime, bancount, data FROM bans GROUP BY ip, jail)"
        try query(database, "SELECT jail, ip, timeofban, bantime, bancount, data FROM \(table)") { row in
            guard var ban = Self.ban(row) else {
                summary.skipped += 1
                return
            }
            // -2 is a ban of which an older version kept no duration.
            let isActive = ban.end > now && ban.duration != -2
            ban.duration = ban.duration == -2 ? 0 : ban.duration < 0 ? -1 : ban.duration
            ban.matches = []
            if isActive { summary.active += 1 } else { summary.ended += 1 }
            take(ban, isActive)
        }
        return summary
    }

    private func open() throws(Failure) -> OpaquePointer {
        do throws(SystemError) {
            // Of a pipe or a directory SQLite would say nothing that helps.
            _ = try StoreFile(path: path, flags: O_RDONLY | O_NONBLOCK).size()
        } catch {
            throw Failure(description: error.description)
        }
        var message = [CChar](repeating: 0, count: 256)
        guard let database = csqlite_open(path, &message, message.count) else {
            let reason = String(decoding: message.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            throw Failure(
                description: csqlite_load(&message, message.count) == 0
                    ? "\(path): \(reason)"
                    : "libsqlite3 cannot be loaded (\(reason)); install it: apt-get install libsqlite3-0")
        }
        return database
    }

    private func version(_ database: OpaquePointer) throws(Failure) -> Int {
        var version: Int?
        try query(database, "SELECT version FROM fail2banDb LIMIT 1") { version = Int(csqlite_integer($0, 0)) }
        guard let version else { throw Failure(description: "\(path) is not fail2ban's database: it tells no version") }
        guard (3...4).contains(version) else {
            throw Failure(
                description: "\(path) has version \(version) of fail2ban's tables; 3 and 4 are read"
                    + (version < 3 ? ": they kept no ban times. fail2ban 0.11 or later converts it when it starts" : "")
            )
        }
        return version
    }

    private func query(_ database: OpaquePointer, _ sql: String, _ take: (OpaquePointer) -> Void) throws(Failure) {
        var result = csqlite_query(database, sql)
        if result == 0 {
            result = csqlite_next(database)
            while result == 1 {
                take(database)
                result = csqlite_next(database)
            }
        }
        guard result != 0 else { return }
        throw Failure(
            description: "\(path) is damaged or not fail2ban's database: \(String(cString: csqlite_error(database)))")
    }

    /// jail, ip, timeofban, bantime, bancount, data; nil for a row that nobody could be banned by.
    private static func ban(_ row: OpaquePointer) -> Ban? {
        let jail = text(row, 0)
        let target = text(row, 1)
        let (time, duration) = (csqlite_integer(row, 2), csqlite_integer(row, 3))
        guard !jail.isEmpty, !target.isEmpty, time > 0, time < 1 << 40, duration < 1 << 40 else { return nil }
        var ban = Ban(jail: jail, target: BanTarget(target), time: Double(time), duration: Double(max(duration, -2)))
        ban.count = max(1, Int(clamping: csqlite_integer(row, 4)))
        var length = 0
        guard let bytes = csqlite_bytes(row, 5, &length),
            let data = try? JSONValue(
                parsing: UnsafeRawBufferPointer(start: bytes, count: length).bytes, limit: 1 << 20)
        else { return ban }
        for member in data.members {
            switch (member.name, member.value) {
            case ("failures", .number(let failures)): ban.failures = Int(min(max(failures, 0), 1e9))
            // A line is a text, or the parts before, of and after its date.
            case ("matches", .array(let lines)):
                ban.matches = lines.suffix(BanTextLimit.matches).map { line in
                    line.string ?? line.elements.compactMap(\.string).joined()
                }
            case (let name, .string(let text)): ban.groups[name] = text
            default: break
            }
        }
        return ban
    }

    private static func text(_ row: OpaquePointer, _ column: Int32) -> String {
        var length = 0
        guard let bytes = csqlite_bytes(row, column, &length) else { return "" }
        return String(lossy: UnsafeRawBufferPointer(start: bytes, count: length).bytes)
    }
}
