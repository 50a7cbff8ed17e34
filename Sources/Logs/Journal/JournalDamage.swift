/// Finds the journal files of which libsystemd reads less than they hold.
///
/// Past a broken entry array libsystemd takes a file for ended, without an error, and so does journalctl; seeking
/// behind the damage, by number or time, does not lead past it either (measured with systemd 252). So what is lost is
/// counted and said.
struct JournalDamage {
    struct File: Equatable {
        var path: String
        var sequenceID: String
        /// The last number that can be read, 0 for none, and the last that was given.
        var lastReadable: UInt64
        var lastNumber: UInt64
    }

    /// Those found, by path.
    private(set) var files: [File] = []
    /// Closed files found whole: they do not change.
    private var whole: Set<String> = []
    /// Files that may have been looked at in the middle of a write, with what was readable then.
    private var suspects: [String: UInt64] = [:]

    /// Looks at the files whose last entry is not before `since`, in microseconds. `isRead` tells whether all numbers
    /// of a sequence up to one are accounted for: then a file still being written need not be looked into.
    /// Returns the files that are damaged beyond what was known.
    mutating func look(
        at paths: [String], since: UInt64, isRead: (_ sequenceID: String, _ number: UInt64) -> Bool
    ) -> [File] {
        var news: [File] = []
        let present = Set(paths)
        files.removeAll { !present.contains($0.path) }
        whole.formIntersection(present)
        suspects = suspects.filter { present.contains($0.key) }
        for path in paths where !whole.contains(path) {
            guard let header = JournalFileHeader(of: path) else {
                if isConfirmed(path, readable: 0) {
                    add(File(path: path, sequenceID: "", lastReadable: 0, lastNumber: 0), &news)
                }
                continue
            }
            if header.entryCount == 0 || header.lastRealtime < since { continue }
            if header.isOnline, isRead(header.sequenceID, header.lastNumber) { continue }
            let last = Self.lastReadable(path)
            if last >= header.lastNumber {
                files.removeAll { $0.path == path }
                suspects[path] = nil
                if !header.isOnline { whole.insert(path) }
            } else if !header.isOnline || isConfirmed(path, readable: last) {
                add(
                    File(
                        path: path, sequenceID: header.sequenceID, lastReadable: last, lastNumber: header.lastNumber),
                    &news)
            }
        }
        return news
    }

    /// One sentence with what to do, or nil.
    var sentence: String? {
        guard let first = files.first else { return nil }
        let others = files.count > 1 ? " and \(files.count - 1) more" : ""
        let extent =
            first.lastNumber > 0
            ? "cannot be read behind entry \(first.lastReadable) of up to \(first.lastNumber)" : "cannot be opened"
        return "the journal file \(first.path)\(others) is damaged and \(extent): journalctl --verify --file="
            + "\(first.path) shows where; it is passed over until it is moved away"
    }

    private mutating func add(_ file: File, _ news: inout [File]) {
        if files.contains(file) { return }
        files.removeAll { $0.path == file.path }
        files.append(file)
        news.append(file)
    }

    /// Whether it was so at the last look too.
    private mutating func isConfirmed(_ path: String, readable: UInt64) -> Bool {
        if suspects[path] == readable { return true }
        suspects[path] = readable
        return false
    }

    /// The number of the last entry to which libsystemd finds its way; 0 for none.
    private static func lastReadable(_ path: String) -> UInt64 {
        do throws(JournalError) {
            let journal = try Journal(JournalPlace(file: path))
            try journal.seekTail()
            guard try journal.previous() else { return 0 }
            return JournalCursor(try journal.cursor())?.sequence ?? 0
        } catch {
            return 0
        }
    }
}
