import Bytes
import CLinux
import Configuration
import Glibc
import Telemetry

/// `file`: a list of what is banned, for a proxy or another program.
package struct FileActionSettings: ConfigurationSection, Equatable {
    package enum Format: String, Sendable, CaseIterable {
        /// An address or a network on a line, as HAProxy's `acl … -f` and ipset-like tools read it.
        case plain
        /// `deny 192.0.2.1;`, to be included by nginx.
        case nginxDeny = "nginx-deny"
        /// `192.0.2.1 1;`, to be included in a `geo` block of nginx.
        case nginxMap = "nginx-map"
    }

    package var path = ""
    package var format = Format.plain
    /// Permissions.
    package var mode = 0o644
    /// What an address stands for in `nginx-map`.
    package var value = "1"
    /// Run after a change, a program and its arguments.
    package var command: [String] = []
    /// Seconds, of the command.
    package var timeout = 10.0

    package static let configurationKeys: [ConfigurationKey] = [
        ConfigurationKey("path", "path", "The file. It is replaced as a whole."),
        ConfigurationKey("format", "plain, nginx-deny or nginx-map", default: "plain", "How it is written."),
        ConfigurationKey("mode", "string", default: "\"0644\"", "Its permissions, octal."),
        ConfigurationKey("value", "string", default: "\"1\"", "What an address stands for in `nginx-map`."),
        ConfigurationKey(
            "command", "list of strings",
            "Run after a change, at most once a second: the program with its whole path, and its arguments; no shell."),
        ConfigurationKey("timeout", "duration", default: "10s", "After which the command is ended."),
    ]

    package init(path: String) { self.path = path }

    package init(_ reader: MappingReader) {
        path = reader.path("path") ?? ""
        if path.isEmpty {
            reader.report("path is missing: expected the file's path", at: reader.has("path") ? "path" : nil)
        }
        format = reader.choice("format") ?? format
        if let text = reader.string("mode") {
            if let number = Int(text, radix: 8), (0o400...0o777).contains(number) {
                mode = number
            } else {
                reader.report("mode: expected permissions such as \"0644\", found \"\(text)\"", at: "mode")
            }
        }
        value = reader.string("value") ?? value
        if value.isEmpty || !value.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f && !";{}\"'\\".utf8.contains($0) }) {
            reader.report("value: expected a word that nginx takes, found \"\(value)\"", at: "value")
        }
        command = reader.strings("command") ?? command
        if let program = command.first, !program.hasPrefix("/") || command.contains(where: { $0.utf8.contains(0) }) {
            reader.report("command: expected a program's whole path and its arguments", at: "command")
        }
        timeout = reader.duration("timeout", in: 0.1...600) ?? timeout
    }
}

/// Keeps a file of banned addresses and networks, sorted, replaced as a whole at most once a second. What is no address is not in it.
///
/// At the agent's end it stays as it is; where the action is removed it is emptied.
package final class FileAction: WakingBanAction, @unchecked Sendable {
    package let name: String
    private let settings: FileActionSettings
    private let context: ActionContext
    private let runner: CommandRunner
    static let interval = 1.0
    static let retryDelay = 10.0

    private struct Entry: Hashable {
        var jail: String
        var network: IPNetwork
    }

    // Only the lane's thread, which calls one method at a time, touches these.
    private var entries: Set<Entry> = []
    private var isChanged = false
    private var mustRun = false
    private var nextTime = -Double.infinity

    package init(_ settings: FileActionSettings, context: ActionContext, runner: CommandRunner = CommandRunner()) {
        name = context.name
        self.settings = settings
        self.context = context
        self.runner = runner
    }

    package func start(restoring bans: [Ban], now: Double) {
        entries = Set(bans.compactMap { entry($0) })
        isChanged = true
    }

    package func apply(_ changes: [BanChange], now: Double) {
        for change in changes {
            guard let entry = entry(change.ban) else { continue }
            if change.kind == .unban {
                if entries.remove(entry) != nil { isChanged = true }
            } else if entries.insert(entry).inserted {
                isChanged = true
            }
        }
    }

    package func wake(now: Double) -> Double? {
        guard isChanged || mustRun else { return nil }
        // A clock that was set back must not keep it waiting.
        guard now >= nextTime || nextTime - now > Self.retryDelay else { return nextTime }
        let isDone = bringUpToDate()
        nextTime = now + (isDone ? Self.interval : Self.retryDelay)
        return isDone ? nil : nextTime
    }

    package func stop(isRemoved: Bool) {
        if isRemoved {
            entries = []
            isChanged = true
        }
        _ = bringUpToDate()
    }

    private func entry(_ ban: Ban) -> Entry? { ban.target.network.map { Entry(jail: ban.jail, network: $0) } }

    /// Writes the file and runs the command as far as that is due; false where it has to be tried again.
    private func bringUpToDate() -> Bool {
        do throws(SystemError) {
            if isChanged {
                let content = content()
                if Self.content(of: settings.path, limit: content.count) != content {
                    try Self.replace(settings.path, with: content, mode: settings.mode)
                    mustRun = !settings.command.isEmpty
                }
                isChanged = false
            }
        } catch {
            context.trouble(error.description)
            return false
        }
        if mustRun {
            let outcome = runner.run(settings.command, timeout: settings.timeout, context: context)
            if let problem = outcome.problem(timeout: settings.timeout) {
                context.trouble("\(settings.command[0]): \(problem)")
                return false
            }
            mustRun = false
        }
        context.trouble(nil)
        return true
    }

    private func content() -> [UInt8] {
        var result: [UInt8] = []
        for network in Set(entries.map(\.network)).sorted() {
            let line =
                switch settings.format {
                case .plain: "\(network)\n"
                case .nginxDeny: "deny \(network);\n"
                case .nginxMap: "\(network) \(settings.value);\n"
                }
            result += Array(line.utf8)
        }
        return result
    }

    /// What is in the file, as long as it has at most `limit` bytes; nil for all else.
    private static func content(of path: String, limit: Int) -> [UInt8]? {
        guard case .success(let bytes) = ConfigurationSurroundings.process.read(path), bytes.count <= limit else {
            return nil
        }
        return bytes
    }

    /// Readers see the old content or the new, never half of it.
    static func replace(_ path: String, with content: [UInt8], mode: Int) throws(SystemError) {
        let temporary = path + ".new"
        unlink(temporary)
        let descriptor = clinux_open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, UInt32(mode))
        guard descriptor >= 0 else { throw SystemError(call: "open", path: temporary, code: -descriptor) }
        defer { close(descriptor) }
        var written = 0
        while written < content.count {
            let count = content[written...].withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else {
                let code = errno
                unlink(temporary)
                throw SystemError(call: "write", path: temporary, code: code)
            }
            written += count
        }
        // The mask of the process took bits away.
        fchmod(descriptor, mode_t(mode))
        guard fsync(descriptor) == 0, rename(temporary, path) == 0 else {
            let code = errno
            unlink(temporary)
            throw SystemError(call: "rename", path: path, code: code)
        }
    }
}
