import CLinux
import Glibc
import Telemetry

/// Runs commands one at a time; each has a process group of its own that is ended with it. Safe from any thread.
///
/// All shell actions of all jails share one, as in fail2ban: what they change, such as a firewall's rules, is often not
/// made for two at once.
package final class CommandRunner: Sendable {
    struct Outcome: Equatable {
        enum End: Equatable { case exited(Int32), signalled(Int32), timedOut, ended, notRun(String) }

        var end: End
        /// The beginning of what it printed.
        var output: [UInt8] = []

        /// What went wrong and what was printed, on one line; nil where nothing did.
        func problem(timeout: Double) -> String? {
            let reason: String
            switch end {
            case .exited(0): return nil
            case .exited(let status): reason = "exit status \(status)"
            case .signalled(let signal): reason = "ended by signal \(signal)"
            case .timedOut: reason = "not done after \(timeout) s"
            case .ended: reason = "broken off, as the agent ends"
            case .notRun(let why): reason = why
            }
            let said = String(decoding: output.prefix(300), as: UTF8.self).trimmed.replacing(each: "\n", by: " ")
            return said.isEmpty ? reason : reason + ": " + said
        }
    }

    private let isBusy = Condition(false)
    private let environment: [String]
    private static let mostOutput = 4096

    /// - Parameter environment: `NAME=value`; nil for this process's own, without what systemd tells the agent alone.
    package init(environment: [String]? = nil) { self.environment = environment ?? Self.inherited() }

    /// - Parameter timeout: seconds, from when its turn has come.
    func run(_ arguments: [String], timeout: Double, context: ActionContext) -> Outcome {
        guard takeTurn(context) else { return Outcome(end: .ended) }
        defer { isBusy.change { $0 = false } }
        let input = open("/dev/null", O_RDONLY | O_CLOEXEC)
        guard input >= 0 else { return Outcome(end: .notRun("/dev/null: \(Self.problem(errno))")) }
        defer { close(input) }
        let words = arguments.map { strdup($0) }
        let variables = environment.map { strdup($0) }
        defer { for word in words + variables { free(word) } }
        var pipe: Int32 = -1
        var process: pid_t = 0
        let problem = clinux_spawn(
            words.map { UnsafePointer($0) } + [nil], variables.map { UnsafePointer($0) } + [nil], input, &pipe,
            &process)
        guard problem == 0 else { return Outcome(end: .notRun("\(arguments[0]): \(Self.problem(problem))")) }
        defer { close(pipe) }
        var running = RunningCommand(process: process, stream: pipe)
        let limit = Timestamp.monotonic.adding(seconds: timeout)
        while true {
            if let end = running.ended() { return Outcome(end: end, output: running.output) }
            let now = Timestamp.monotonic
            if now >= limit || now >= context.deadline || context.stop.isStopped {
                running.kill()
                return Outcome(end: now >= limit ? .timedOut : .ended, output: running.output)
            }
            running.wait(seconds: min(limit, context.deadline).seconds(since: now))
        }
    }

    private func takeTurn(_ context: ActionContext) -> Bool {
        while !context.stop.isStopped, Timestamp.monotonic < context.deadline {
            // The end may be told to us while we wait.
            let step = min(context.deadline, Timestamp.monotonic.adding(seconds: 0.2))
            let isOurs = isBusy.wait(until: step) { isBusy -> Bool? in
                if isBusy { return nil }
                isBusy = true
                return true
            }
            if isOurs == true { return true }
        }
        return false
    }

    private static func inherited() -> [String] {
        var result: [String] = []
        var hasPath = false
        var pointer = environ
        while let entry = pointer.pointee {
            let text = String(cString: entry)
            pointer += 1
            if text.hasPrefix("NOTIFY_SOCKET=") || text.hasPrefix("WATCHDOG_") || text.hasPrefix("LISTEN_") { continue }
            if text.hasPrefix("PATH=") { hasPath = true }
            result.append(text)
        }
        if !hasPath { result.append("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin") }
        return result
    }

    private static func problem(_ number: Int32) -> String { String(cString: strerror(number)) }
}

private struct RunningCommand {
    let process: pid_t
    let stream: Int32
    var output: [UInt8] = []
    private var isOpen = true
    /// Milliseconds to the next look, where nothing tells the end.
    private var pause: Int32 = 1
    private static let mostOutput = 4096

    init(process: pid_t, stream: Int32) {
        self.process = process
        self.stream = stream
    }

    mutating func ended() -> CommandRunner.Outcome.End? {
        var status: Int32 = 0
        let result = waitpid(process, &status, WNOHANG)
        guard result != 0, !(result < 0 && errno == EINTR) else { return nil }
        read()
        guard result > 0 else { return .notRun("its end cannot be waited for: \(String(cString: strerror(errno)))") }
        let signal = status & 0x7f
        return signal == 0 ? .exited((status >> 8) & 0xff) : .signalled(signal)
    }

    mutating func wait(seconds: Double) {
        var descriptor = pollfd(fd: isOpen ? stream : -1, events: Int16(POLLIN), revents: 0)
        let milliseconds = Int32(clamping: Int((min(max(seconds, 0), 1) * 1000).rounded(.up)))
        poll(&descriptor, 1, min(milliseconds, isOpen ? 50 : pause))
        if !isOpen { pause = min(10, pause * 2) }
        read()
    }

    /// First so that it may clean up; then the whole group, and what it started with it.
    mutating func kill() {
        Glibc.kill(-process, SIGTERM)
        for _ in 0..<20 {
            // Looked at without taking the status: as long as that is there, the group's number is nobody else's.
            var information = siginfo_t()
            if waitid(P_PID, id_t(process), &information, WEXITED | WNOHANG | WNOWAIT) == 0, information.si_signo != 0 {
                break
            }
            usleep(10_000)
        }
        Glibc.kill(-process, SIGKILL)
        var status: Int32 = 0
        while waitpid(process, &status, 0) < 0, errno == EINTR {}
        read()
    }

    private mutating func read() {
        var chunk = [UInt8](repeating: 0, count: 4096)
        // One that prints without end must not keep us from looking at the clock.
        for _ in 0..<64 where isOpen {
            let count = Glibc.read(stream, &chunk, chunk.count)
            if count > 0 {
                output += chunk[..<min(count, max(0, Self.mostOutput - output.count))]
            } else {
                if count == 0 || errno != EAGAIN && errno != EINTR { isOpen = false }
                return
            }
        }
    }
}
