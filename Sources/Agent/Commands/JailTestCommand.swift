import ArgumentParser
import Bytes
import Configuration
import Glibc
import Jails
import Telemetry

/// `tocsin test jail --filter NAME [FILE…]`, `tocsin test jail --jail NAME [FILE…]`
struct JailTestCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "jail", abstract: "Run a filter, or that of a jail, over a log.",
        discussion:
            "Without a file it reads standard input. With --machine each line of it is a JSON object, answered by a JSON array."
    )

    @Option(
        help: ArgumentHelp(
            "The filter: a name in filter.d, or an absolute path without \".conf\"; else one that comes with the agent, "
                + "which native:NAME names where filter.d has that name too."))
    var filter: String?

    @Option(help: "The filter of this jail of the configuration, a native one or fail2ban's.") var jail: String?

    @OptionGroup var source: ConfigurationOptions

    @Option(
        help: ArgumentHelp(
            "Print what is read of a directory such as /etc/fail2ban, as commands in JSON.", visibility: .hidden))
    var dump: String?

    @Option(name: .customLong("confdir"), help: "Where filter.d is.") var directory = "/etc/fail2ban"

    @Option(
        name: .customLong("option"), help: "A parameter of the filter, as in filter[mode=aggressive]. May be repeated.")
    var options: [String] = []

    @Option(help: "The time that dates without a year count from, seconds since 1970; else the clock's.") var now:
        Double?

    @Option(help: "Of dates without a zone: a name such as Europe/Oslo, or a POSIX TZ text.") var timezone = "Local"

    @Flag(help: "Leave names of hosts as they are. This command never resolves them.") var rawHost = false

    @Flag(help: "Try all patterns of failregex, even after one has matched.") var allPatterns = false

    @Flag(help: "Lines and answers as JSON, for programs.") var machine = false

    @Flag(help: "The result as JSON.") var json = false

    @Argument(help: "The logs.") var files: [String] = []

    func validate() throws {
        guard [filter, jail, dump].count(where: { $0 != nil }) == 1 else {
            throw ValidationError("expected --filter NAME or --jail NAME")
        }
        if jail != nil || filter?.hasPrefix(Self.nativePrefix) == true, let option = ofFail2ban.first {
            throw ValidationError("\(option) is for filters of filter.d")
        }
        if let now, !(now.isFinite && abs(now) < 1e11) { throw ValidationError("--now: expected seconds since 1970") }
        if machine, !files.isEmpty { throw ValidationError("--machine reads standard input, not files") }
        if zone == nil {
            throw ValidationError(
                "--timezone: expected a zone such as Europe/Oslo or CET-1CEST,M3.5.0,M10.5.0, found \"\(timezone)\"")
        }
        for option in options where option.utf8.first == UInt8(ascii: "=") || !option.utf8.contains(UInt8(ascii: "=")) {
            throw ValidationError("--option: expected NAME=VALUE, found \"\(option)\"")
        }
    }

    private static let nativePrefix = "native:"

    /// What was given and is nothing to filters of the agent's own.
    private var ofFail2ban: [String] {
        [(!options.isEmpty, "--option"), (rawHost, "--raw-host"), (allPatterns, "--all-patterns")].filter(\.0).map(\.1)
    }

    private var zone: ZoneFile? { TimeZones.zone(named: timezone) ?? ZoneFile(rule: timezone) }

    private var currentTime: Double { now ?? Timestamp.now.secondsSince1970 }

    func run() throws {
        if let dump { return try printCommands(of: dump) }
        let filter = try load()
        if machine { return try converse(filter) }
        var report = FilterReport()
        if files.isEmpty { try read(STDIN_FILENO, "standard input", filter, &report) }
        for path in files {
            let descriptor = open(path, O_RDONLY | O_CLOEXEC)
            guard descriptor >= 0 else { throw unreadable(path) }
            defer { close(descriptor) }
            try read(descriptor, path, filter, &report)
        }
        guard json else { return print(report.text(filter)) }
        var writer = JSONWriter()
        report.write(filter, into: &writer)
        print(String(lossy: writer.buffer.bytes))
    }

    private func printCommands(of directory: String) throws {
        do {
            var writer = JSONWriter(capacity: 1 << 20)
            CommandStream(try JailsConfiguration(directory: directory)).write(into: &writer)
            _ = write(all: writer.written())
        } catch {
            Terminal.complain("tocsin test jail: \(error)")
            throw ExitCode(1)
        }
    }

    private func load() throws -> any LineFilter {
        do {
            if let jail { return try load(jail: jail) }
            let name = filter ?? ""
            if name.hasPrefix(Self.nativePrefix) {
                return try load(native: String(name.dropFirst(Self.nativePrefix.utf8.count)))
            }
            let isOfFail2ban =
                name.utf8.first == 0x2f
                || [".conf", ".local"].contains { (end: String) in
                    access("\(directory)/filter.d/\(name)\(end)", F_OK) == 0
                }
            guard !isOfFail2ban, NativeFilters.names.contains(name) else { return try load(fail2ban: name) }
            if let option = ofFail2ban.first {
                throw ValidationError("\(option) is for filters of filter.d, and \(name) is none")
            }
            Terminal.complain("\(directory)/filter.d has no \(name); this is the filter that comes with the agent")
            return try load(native: name)
        } catch let error as ValidationError {
            throw error
        } catch {
            Terminal.complain("tocsin test jail: \(error)")
            throw ExitCode(1)
        }
    }

    private func load(native name: String) throws -> any LineFilter {
        guard let filter = try NativeFilters.filter(name) else {
            throw JailConfigurationError(
                file: "native:\(name)", message: "expected one of \(NativeFilters.names.joined(separator: ", "))")
        }
        return try filter.makeFilter(name: name, path: "jails/\(name).yaml", zone: zone ?? .utc, now: currentTime)
    }

    private func load(jail name: String) throws -> any LineFilter {
        var configuration = try Agent.load(Agent.Origin(path: source.path, stateDirectory: nil), logger: nil)
        if timezone != "Local" { configuration.jails.timeZone = timezone }
        let plan = JailPlanner(configuration.jails, stateDirectory: configuration.stateDirectory).plan()
        let jails = plan.jails.filter { $0.settings.name != JailPlan.manualName }
        guard let found = jails.first(where: { $0.settings.name == name }) else {
            for problem in plan.problems { Terminal.complain(problem) }
            throw JailConfigurationError(
                file: source.path ?? "built-in defaults",
                message:
                    "expected a jail \(name), found \(jails.isEmpty ? "none" : jails.map(\.settings.name).joined(separator: ", "))"
            )
        }
        return try found.makeFilter(currentTime)
    }

    private func load(fail2ban name: String) throws -> Filter {
        let parameters = options.map { option in
            let mark = option.utf8.firstIndex(of: UInt8(ascii: "=")) ?? option.endIndex
            return (name: String(option[..<mark]), value: String(option[option.utf8.index(after: mark)...]))
        }
        let definition = try FilterDefinition(name: name, parameters: parameters, directory: directory)
        // Logs may be newer than the time they are judged by.
        let latest = CalendarTime(seconds: Timestamp.now.parts.seconds).year + 3
        let settings = Filter.Settings(zone: zone ?? .utc, triesAllPatterns: allPatterns, latestYear: latest)
        return try Filter(definition, now: currentTime, settings: settings)
    }

    private func converse(_ filter: any LineFilter) throws {
        var dialogue = FilterDialogue(filter)
        var number = 0
        while let line = readLine() {
            number += 1
            do {
                let answer = try dialogue.answer(to: Array(line.utf8).span.bytes, now: currentTime)
                guard write(all: answer) else { return }
            } catch {
                Terminal.complain("tocsin test jail: line \(number): \(error)")
                throw ExitCode(2)
            }
        }
    }

    /// False where nobody reads any more.
    private func write(all bytes: [UInt8]) -> Bool {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(STDOUT_FILENO, $0.baseAddress, $0.count) }
            if count < 0, errno != EINTR { return false }
            rest = rest.dropFirst(max(0, count))
        }
        return true
    }

    private func read(_ descriptor: Int32, _ name: String, _ filter: any LineFilter, _ report: inout FilterReport)
        throws
    {
        var buffer = ByteBuffer(capacity: 128 << 10)
        let time = currentTime
        while true {
            var code: Int32 = 0
            let count = buffer.appendUninitialized(atLeast: 64 << 10) { room in
                let count = Glibc.read(descriptor, room.baseAddress, room.count)
                if count < 0 { code = errno }
                return max(0, count)
            }
            if code == EINTR { continue }
            if code != 0 {
                errno = code
                throw unreadable(name)
            }
            var start = 0
            while let end = buffer.bytes.firstIndex(of: 0x0a, from: start) {
                take(buffer.bytes.slice(start, end), filter, &report, time)
                start = end + 1
            }
            buffer.removeFirst(start)
            if count == 0 {
                if !buffer.isEmpty { take(buffer.bytes, filter, &report, time) }
                return
            }
        }
    }

    private func take(_ line: RawSpan, _ filter: any LineFilter, _ report: inout FilterReport, _ time: Double) {
        var end = line.byteCount
        while end > 0, line.byte(at: end - 1) == 0x0d { end -= 1 }
        report.take(line.slice(0, end), filter, now: time)
    }

    private func unreadable(_ name: String) -> ExitCode {
        Terminal.complain("tocsin test jail: \(name): \(String(cString: strerror(errno)))")
        return ExitCode(2)
    }
}
