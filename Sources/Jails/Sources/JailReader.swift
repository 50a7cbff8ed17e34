import Bytes
import Glibc
import Logs
import Telemetry

/// Reads all that jails want to read, each line once: the files, journals and stored streams of one configuration. On one thread.
final class JailReader {
    /// What one jail reads.
    struct Want {
        /// The jail's name, for what is wrong.
        var name: String
        var sources: [JailSource]
        /// Seconds that it looks back at a start. Counts are not kept over a restart, so what they were made of is read again.
        var findTime: Double
    }

    /// Lines go to `body` with the set of jails that they are for, the time of the entry where the source knows it, and whether they
    /// are written now or were there before.
    typealias Body = (_ set: Int, _ line: RawSpan, _ time: Double?, _ isLive: Bool) -> Void

    /// By their number in `body`.
    private(set) var sets: [LineSet] = []
    private var numbers: [LineSet: Int] = [:]
    /// What is wrong, by path or place; one sentence each.
    private(set) var problems: [String: String] = [:]

    private let wants: [Want]
    private let watcher: ChangeWatcher
    /// What time a line of a set of jails has, for a start in the middle of a log.
    private let timeOf: (Int, RawSpan) -> Double?
    private var logs: [String: (log: FollowedLog, set: Int)] = [:]
    private var paths: [Int32: String] = [:]
    private var directories: [String: Int32] = [:]
    private var journals: [(journal: FollowedJournal, sets: [Int], findTime: Double)] = []
    private var stored: FollowedStore?
    private var nextDiscovery = Timestamp(nanoseconds: 0)
    private var nextLook = Timestamp(nanoseconds: 0)
    private var isDiscoveryDue = true

    /// Seconds between two looks for new files beside the kernel's notices, and between two looks at those that are known.
    private static let discoveryInterval = 60.0
    private static let lookInterval = 2.0
    /// Chunks of one file in a round.
    private static let chunksPerRound = 2

    /// - Parameters:
    ///   - streams: the store of the log road, for jails that read from it.
    ///   - wake: readable when somebody wants the thread.
    ///   - time: now, seconds since 1970.
    init(
        _ wants: [Want], streams: StoredStreams?, wake: [Int32], time: Double,
        timeOf: @escaping (Int, RawSpan) -> Double?
    ) throws(SourceError) {
        self.wants = wants
        self.timeOf = timeOf
        watcher = try ChangeWatcher(descriptors: wake)
        prepareJournals()
        var selectors: [(set: Int, selector: [LabelMatcher])] = []
        for (jail, want) in wants.enumerated() {
            for case .stored(let alternatives) in want.sources {
                let set = number(of: LineSet(jails: [jail]))
                selectors += alternatives.map { (set, $0) }
            }
        }
        guard !selectors.isEmpty else { return }
        let reach = selectors.flatMap { sets[$0.set].jails }.map { wants[$0].findTime }.max() ?? 0
        guard let streams else {
            problems["stored"] = "jails read stored logs, and there is no store"
            return
        }
        let followed = FollowedStore(streams, selectors, from: time - reach)
        try watcher.follow(followed.descriptor)
        stored = followed
    }

    private func number(of set: LineSet) -> Int {
        if let known = numbers[set] { return known }
        sets.append(set)
        numbers[set] = sets.count - 1
        return sets.count - 1
    }

    // MARK: Files

    private func discover(_ now: Timestamp, time: Double) {
        isDiscoveryDue = false
        nextDiscovery = now.adding(seconds: Self.discoveryInterval)
        var found: [String: (jails: [Int], isFromTail: Bool, encoding: String)] = [:]
        for (jail, want) in wants.enumerated() {
            let patterns = want.sources.flatMap(\.paths)
            guard !patterns.isEmpty else { continue }
            var count = 0
            for pattern in patterns {
                watchDirectory(of: pattern.pattern)
                for path in Self.paths(matching: pattern.pattern) {
                    count += 1
                    if found[path]?.jails.last == jail { continue }
                    found[path, default: ([], pattern.isFromTail, pattern.encoding)].jails.append(jail)
                    if !pattern.isFromTail { found[path]?.isFromTail = false }
                    let known = found[path]?.encoding ?? ""
                    if known != pattern.encoding {
                        problems["encoding of \(path)"] =
                            "\(path): one jail reads it as \(Self.name(ofEncoding: known)), another as \(Self.name(ofEncoding: pattern.encoding)): the first holds"
                    }
                }
            }
            let key = "jail \(want.name) logs"
            problems[key] =
                count > 0
                ? nil
                : "there is no file \(patterns.map(\.pattern).joined(separator: ", ")) yet: it is read as soon as it is there"
        }
        for (path, reading) in found where logs[path] == nil {
            add(path, reading.jails, reading.isFromTail, reading.encoding, time)
        }
        // A log whose file is gone is kept while it is open: it is read to its end, and comes back under the same name.
        for path in logs.keys where found[path] == nil && logs[path]?.log.isOpen == false { logs[path] = nil }
    }

    private static func name(ofEncoding encoding: String) -> String { encoding.isEmpty ? "utf-8" : encoding }

    private func add(_ path: String, _ jails: [Int], _ isFromTail: Bool, _ encoding: String, _ time: Double) {
        let log = FollowedLog(path: path, encoding: encoding)
        let set = number(of: LineSet(jails: jails))
        let reach = jails.map { wants[$0].findTime }.max() ?? 0
        let start: FollowedLog.Start = isFromTail ? .end : .time(time - reach) { [timeOf] in timeOf(set, $0) }
        do throws(FileError) {
            try log.open(start)
            problems[path] = nil
        } catch {
            problems[path] = error.description
            return
        }
        logs[path] = (log, set)
        watch(log)
    }

    private func watch(_ log: FollowedLog) {
        if log.watch >= 0 { paths[log.watch] = nil }
        log.watch = watcher.watchFile(log.path)
        if log.watch >= 0 { paths[log.watch] = log.path }
    }

    /// The deepest directory of a pattern that is there.
    private func watchDirectory(of pattern: String) {
        var parts = pattern.split(separator: "/", omittingEmptySubsequences: false).dropLast()
        if let wild = parts.firstIndex(where: { $0.contains { "*?[".contains($0) } }) { parts = parts[..<wild] }
        while !parts.isEmpty {
            let directory = parts.count == 1 ? "/" : parts.joined(separator: "/")
            if directories[directory] != nil { return }
            let watch = watcher.watchDirectory(directory)
            if watch >= 0 {
                directories[directory] = watch
                return
            }
            parts = parts.dropLast()
        }
    }

    /// Existing regular files, by glob(7).
    static func paths(matching pattern: String) -> [String] {
        var found = glob_t()
        defer { globfree(&found) }
        guard glob(pattern, 0, nil, &found) == 0 else { return [] }
        return (0..<Int(found.gl_pathc)).compactMap { index in
            guard let path = found.gl_pathv[index].map({ String(cString: $0) }) else { return nil }
            guard let status = try? FileStatus.of(path: path), status.isRegular else { return nil }
            return path
        }
    }

    // MARK: Journals

    private func prepareJournals() {
        var places: [JournalPlace: [String: [Int]]] = [:]
        var order: [JournalPlace] = []
        for (jail, want) in wants.enumerated() {
            for case .journal(let place, let match) in want.sources {
                if places[place] == nil { order.append(place) }
                places[place, default: [:]][match, default: []].append(jail)
            }
        }
        for place in order {
            var matchers: [JournalMatcher] = []
            var sets: [Int] = []
            var reach = 0.0
            for (match, jails) in (places[place] ?? [:]).sorted(by: { $0.key < $1.key }) {
                do throws(JournalMatchError) {
                    matchers.append(try JournalMatcher(match))
                    sets.append(number(of: LineSet(jails: jails)))
                    reach = max(reach, jails.map { wants[$0].findTime }.max() ?? 0)
                } catch {
                    for jail in jails { problems["jail \(wants[jail].name) journalmatch"] = error.description }
                }
            }
            guard !matchers.isEmpty else { continue }
            journals.append((FollowedJournal(place: place, matchers: matchers), sets, reach))
        }
    }

    private func name(of place: JournalPlace) -> String {
        place.directory.isEmpty
            ? place.namespace.isEmpty ? "journal" : "journal namespace \(place.namespace)" : place.directory
    }

    private func read(_ index: Int, _ now: Timestamp, _ time: Double, _ body: Body) -> Bool {
        let (journal, sets, findTime) = journals[index]
        do throws(JournalError) {
            if !journal.isOpen {
                guard now >= journal.retryAt else { return false }
                try journal.open(from: time - findTime)
                do throws(SourceError) {
                    if let descriptor = journal.descriptor, descriptor >= 0 { try watcher.follow(descriptor) }
                } catch {
                    // It is looked at every two seconds then.
                    problems[name(of: journal.place) + " notices"] = error.description
                }
                problems[name(of: journal.place)] = nil
            }
            return try journal.read { body(sets[$0], $1, $2, journal.isLive) }
        } catch {
            problems[name(of: journal.place)] = error.description
            journal.close()
            journal.retryAt = now.adding(seconds: 5)
            return false
        }
    }

    // MARK: Rounds

    /// Waits until there may be something to read, somebody wants the thread, or `seconds` have passed.
    func wait(seconds: Double) {
        let now = Timestamp.monotonic
        let due = min(nextLook.seconds(since: now), nextDiscovery.seconds(since: now), seconds)
        if due > 0, !isDiscoveryDue { watcher.wait(seconds: due) }
        watcher.drain { event in
            if let path = paths[event.watch] {
                logs[path]?.log.isDue = true
                if event.isIgnored { paths[event.watch] = nil }
            } else {
                // A name in a directory came or went; also of a log that was rotated.
                isDiscoveryDue = true
            }
            if event.isOverflow { nextLook = Timestamp(nanoseconds: 0) }
        }
    }

    /// Reads what there is, at most so much that others get their turn.
    ///
    /// - Parameter time: now, seconds since 1970.
    /// - Returns: whether there is more.
    func readRound(time: Double, _ body: Body) -> Bool {
        let now = Timestamp.monotonic
        var hasMore = false
        let isLook = now >= nextLook
        if isLook { nextLook = now.adding(seconds: Self.lookInterval) }
        if isDiscoveryDue || now >= nextDiscovery {
            discover(now, time: time)
            for (log, _) in logs.values { log.isDue = true }
        }
        for (log, set) in logs.values where log.isDue || isLook {
            if read(log, set, body) { hasMore = true }
        }
        for index in journals.indices {
            if isLook { journals[index].journal.isDue = true }
            if read(index, now, time, body) { hasMore = true }
        }
        if let stored {
            do throws(StoreError) {
                if try stored.read({ body($0, $1, $2, true) }) { hasMore = true }
                problems["stored"] = nil
            } catch {
                problems["stored"] = error.description
            }
        }
        return hasMore
    }

    private func read(_ log: FollowedLog, _ set: Int, _ body: Body) -> Bool {
        do throws(FileError) {
            for _ in 0..<Self.chunksPerRound {
                let isLive = log.isLive
                guard try log.read({ body(set, $0, nil, isLive) }) else {
                    if log.watch < 0 { watch(log) }
                    if log.awaitsSuccessor {
                        let new = watcher.watchFile(log.path)
                        if new >= 0 { paths[new] = log.path }
                    }
                    problems[log.path] = nil
                    return false
                }
            }
            if log.watch < 0 { watch(log) }
            return true
        } catch {
            log.isDue = false
            problems[log.path] = error.description
            return false
        }
    }

    func stop() { stored?.stop() }
}
