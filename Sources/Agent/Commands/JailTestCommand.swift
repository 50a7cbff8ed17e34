import ArgumentParser
import Bytes
import Glibc
import Jails
import Telemetry

/// `tocsin test jail --filter NAME [FILE…]`
struct JailTestCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "jail", abstract: "Run a filter of fail2ban's over a log.",
        discussion:
            "Without a file it reads standard input. With --machine each line of it is a JSON object, answered by a JSON array."
    )

    @Option(help: "The filter: a name in filter.d, or an absolute path without \".conf\".") var filter: String?

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
        if (filter == nil) == (dump == nil) { throw ValidationError("expected --filter NAME") }
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

    private var zone: ZoneFile? { TimeZones.zone(named: timezone) ?? ZoneFile(rule: timezone) }

    private var currentTime: Double { now ?? Timestamp.now.secondsSince1970 }

    func run() throws {
        if let dump { return try printCommands(of: dump) }
        let filter = try load(filter ?? "")
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

    private func load(_ filter: String) throws -> Filter {
        let parameters = options.map { option in
            let mark = option.utf8.firstIndex(of: UInt8(ascii: "=")) ?? option.endIndex
            return (name: String(option[..<mark]), value: String(option[option.utf8.index(after: mark)...]))
        }
        do {
            let definition = try FilterDefinition(name: filter, parameters: parameters, directory: directory)
            // Logs may be newer than the time they are judged by.
            let latest = CalendarTime(seconds: Timestamp.now.parts.seconds).year + 3
            let settings = Filter.Settings(zone: zone ?? .utc, triesAllPatterns: allPatterns, latestYear: latest)
            return try Filter(definition, now: currentTime, settings: settings)
        } catch {
            Terminal.complain("tocsin test jail: \(error)")
            throw ExitCode(1)
        }
    }

    private func converse(_ filter: Filter) throws {
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

    private func read(_ descriptor: Int32, _ name: String, _ filter: Filter, _ report: inout FilterReport) throws {
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

    private func take(_ line: RawSpan, _ filter: Filter, _ report: inout FilterReport, _ time: Double) {
        var end = line.byteCount
        while end > 0, line.byte(at: end - 1) == 0x0d { end -= 1 }
        report.take(line.slice(0, end), filter, now: time)
    }

    private func unreadable(_ name: String) -> ExitCode {
        Terminal.complain("tocsin test jail: \(name): \(String(cString: strerror(errno)))")
        return ExitCode(2)
    }
}
