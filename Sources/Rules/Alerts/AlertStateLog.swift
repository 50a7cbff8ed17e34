import Bytes
import Glibc
import Synchronization
import Telemetry

/// The state of all alerts on disk: what a `kill -9` at any moment leaves of it is the last change or the one before.
///
/// A file of records, each appended in one write: a change of one rule, or the time to which a group has been evaluated.
/// Changes of state are synchronised before anybody is told of them; values and times are not, and survive the end of the
/// process, though not of the machine. When the file has grown to several times what it says, a new one takes its place.
///
/// Layout, integers little-endian: magic "TOCALR01" | version u32 | 0 u32, then records (`RecordFrame`). A body is its kind (1:
/// change, 2: time of a group, 3: end of a rule) and what `SavedChange` writes.
/// What follows a damaged record is cut off; deleting the file loses the alerts' states and nothing else.
package final class AlertStateLog: Sendable {
    private struct State {
        var rules: [String: SavedRule] = [:]
        /// The last evaluation of each group.
        var groups: [String: Int64] = [:]
        var file: StoreFile?
        var length: UInt64 = 0
        /// Whether the file lacks something of what is here.
        var isBehind = true
        /// Length at which the file is written anew.
        var limit: UInt64 = AlertStateLog.leastLimit
    }

    private static let magic: UInt64 = 0x3130_524c_4143_4f54  // "TOCALR01"
    private static let version: UInt32 = 1
    private static let headerSize = 16
    private static let leastLimit: UInt64 = 1 << 20
    private static let name = "rules.state"

    private let directory: StoreDirectory
    private let faults: DiskFaults
    private let state: Mutex<State>
    /// What was wrong with the file when it was read, a sentence each.
    package let trouble: [String]
    private let failed = Mutex<String?>(nil)

    /// Reads what is in `directory`, which is made if it is not there. What cannot be read counts as lost: `trouble` says so.
    package init(directory: String, faults: DiskFaults = DiskFaults()) {
        self.directory = StoreDirectory(path: directory)
        self.faults = faults
        var loaded = State()
        var trouble: [String] = []
        do throws(SystemError) {
            try self.directory.create()
            try self.directory.remove(Self.name + ".new")
            try Self.load(self.directory, &loaded, &trouble)
        } catch {
            trouble.append(error.description)
        }
        self.trouble = trouble
        state = Mutex(loaded)
    }

    /// What was saved of a rule, and when its group was last evaluated.
    package func saved(_ rule: String, group: String) -> (rule: SavedRule, lastEvaluation: Int64?)? {
        state.withLock { state in
            guard let rule = state.rules[rule] else { return nil }
            return (rule, state.groups[group].map { max($0, rule.evaluatedAt) } ?? rule.evaluatedAt)
        }
    }

    /// The rules of which there is something.
    package var rules: [String: SavedRule] { state.withLock { $0.rules } }

    /// What the last attempt to write failed of; nil when all is written.
    package var failure: String? { failed.withLock { $0 } }

    /// Writes changes of rules; `durably` for what must outlive the machine. A disk that fails is told by `failure` and tried
    /// again with the next change.
    func write(_ changes: [SavedChange], durably: Bool) {
        guard !changes.isEmpty else { return }
        state.withLock { state in
            var records = ByteBuffer(capacity: 1024)
            for change in changes {
                change.apply(to: &state.rules[change.rule, default: SavedRule()])
                if state.rules[change.rule]?.isEmpty == true { state.rules[change.rule] = nil }
                Self.record(&records, 1) { $0.append(saved: change) }
            }
            put(records, durably: durably, &state)
        }
    }

    /// Notes that a group with something to lose was evaluated as of `time`.
    func mark(group: String, at time: Int64) {
        state.withLock { state in
            state.groups[group] = time
            var records = ByteBuffer(capacity: 128)
            Self.record(&records, 2) {
                $0.append(text: group)
                $0.append(littleEndian: time)
            }
            put(records, durably: false, &state)
        }
    }

    /// Forgets a rule that is no more.
    func remove(_ rule: String) {
        state.withLock { state in
            guard state.rules.removeValue(forKey: rule) != nil else { return }
            var records = ByteBuffer(capacity: 128)
            Self.record(&records, 3) { $0.append(text: rule) }
            put(records, durably: true, &state)
        }
    }

    private func put(_ records: borrowing ByteBuffer, durably: Bool, _ state: inout State) {
        do throws(SystemError) {
            if state.isBehind || state.length >= state.limit {
                try rewrite(&state)
            } else if let file = state.file {
                let before = state.length
                do throws(SystemError) {
                    try file.write(records.bytes, RawSpan(), at: before, faults: faults)
                } catch {
                    // What came after a torn record would be lost.
                    state.isBehind = true
                    try? file.truncate(to: before)
                    throw error
                }
                state.length += UInt64(records.count)
                if durably { try file.synchronize(faults: faults) }
            }
            failed.withLock { $0 = nil }
        } catch {
            state.isBehind = true
            failed.withLock { $0 = error.description }
        }
    }

    /// Writes everything into a new file that then takes the old one's place.
    private func rewrite(_ state: inout State) throws(SystemError) {
        // Groups without a rule to remember need no time.
        let known = Set(state.rules.keys.map { RuleKey.group(of: $0) })
        state.groups = state.groups.filter { known.contains($0.key) }
        var whole = ByteBuffer(capacity: 4096)
        whole.append(littleEndian: Self.magic)
        whole.append(littleEndian: Self.version)
        whole.append(littleEndian: UInt32(0))
        for (key, rule) in state.rules {
            var change = SavedChange(rule: key, time: rule.evaluatedAt)
            change.alerts = Array(rule.alerts.values)
            change.watched = rule.watched
            Self.record(&whole, 1) { $0.append(saved: change) }
        }
        for (group, time) in state.groups {
            Self.record(&whole, 2) {
                $0.append(text: group)
                $0.append(littleEndian: time)
            }
        }
        let temporary = directory.file(Self.name + ".new")
        let file: StoreFile
        do throws(SystemError) {
            file = try StoreFile(path: temporary, flags: O_RDWR | O_CREAT | O_TRUNC)
            try file.write(whole.bytes, RawSpan(), at: 0, faults: faults)
            try file.synchronize(faults: faults)
            if rename(temporary, directory.file(Self.name)) != 0 {
                throw SystemError(call: "rename", path: temporary, code: errno)
            }
        } catch {
            unlink(temporary)
            throw error
        }
        state.file = file
        state.length = UInt64(whole.count)
        state.limit = max(Self.leastLimit, state.length * 4)
        state.isBehind = false
        try directory.synchronize()
    }

    private static func record(_ buffer: inout ByteBuffer, _ kind: UInt8, _ body: (inout ByteBuffer) -> Void) {
        RecordFrame.append(to: &buffer) {
            $0.append(kind)
            body(&$0)
        }
    }

    private static func load(
        _ directory: StoreDirectory, _ state: inout State, _ trouble: inout [String]
    ) throws(SystemError) {
        let path = directory.file(name)
        var bytes = ByteBuffer()
        let file: StoreFile
        do throws(SystemError) {
            file = try StoreFile(path: path, flags: O_RDWR)
        } catch {
            if error.code == ENOENT { return }
            throw error
        }
        let size = try file.size()
        try file.read(at: 0, length: Int(clamping: min(size, 1 << 30)), into: &bytes)
        guard bytes.bytes.load(littleEndian: 0, as: UInt64.self) == magic,
            bytes.bytes.load(littleEndian: 8, as: UInt32.self) == version
        else {
            trouble.append("\(path) is no file of alert states (\(size) bytes); it is written anew")
            return
        }
        var offset = headerSize
        while offset < bytes.count {
            guard let next = read(bytes.bytes, at: offset, &state) else {
                trouble.append("\(path) is damaged at byte \(offset) of \(size); what follows is lost")
                break
            }
            offset = next
        }
        state.file = file
        state.length = UInt64(offset)
        state.limit = max(leastLimit, state.length * 2)
        state.isBehind = false
        if offset < bytes.count { try file.truncate(to: UInt64(offset)) }
    }

    /// Takes in the record at `offset`; the end of it, or nil for one that is damaged.
    private static func read(_ bytes: RawSpan, at offset: Int, _ state: inout State) -> Int? {
        guard let end = RecordFrame.end(bytes, at: offset) else { return nil }
        var reader = SavedReader(bytes.slice(offset + RecordFrame.headSize, end))
        switch reader.byte() {
        case 1:
            guard let change = reader.change() else { return nil }
            change.apply(to: &state.rules[change.rule, default: SavedRule()])
            if state.rules[change.rule]?.isEmpty == true { state.rules[change.rule] = nil }
        case 2:
            guard let group = reader.text(), let time = reader.integer() else { return nil }
            state.groups[group] = time
        case 3:
            guard let rule = reader.text() else { return nil }
            state.rules[rule] = nil
        default: return nil
        }
        return end
    }
}

/// What a rule is known by across reloads and restarts: its group's file and name, its own name and labels, and which of
/// several such rules it is.
enum RuleKey {
    static func of(_ rule: RuleDefinition, group: String, ordinal: Int) -> String {
        "\(group)\u{1}\(rule.identity)\u{1}\(ordinal)"
    }

    static func group(of key: String) -> String {
        String(key.prefix { $0 != "\u{1}" })
    }
}
