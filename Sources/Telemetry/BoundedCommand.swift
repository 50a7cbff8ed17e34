import CLinux
import Glibc

/// Runs a program for a bounded time, in `/` and in a process group of its own that is ended with it, and keeps a bounded
/// part of what it prints. It inherits three descriptors and the environment that is given.
package struct BoundedCommand: Sendable {
    package struct Outcome: Sendable, Equatable {
        package enum End: Sendable, Equatable {
            case exited(Int32), signalled(Int32), timedOut
            /// By whoever wanted it run.
            case ended
            case notRun(String)
        }

        package var end: End
        /// The beginning of what it printed, 4 KiB at most.
        package var output: [UInt8] = []

        package init(end: End, output: [UInt8] = []) {
            self.end = end
            self.output = output
        }
    }

    /// The program with its whole path first.
    package var arguments: [String]
    /// `NAME=value`.
    package var environment: [String]
    /// Seconds.
    package var timeout: Double
    package static let path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

    package init(arguments: [String], environment: [String], timeout: Double) {
        self.arguments = arguments
        self.environment = environment
        self.timeout = timeout
    }

    /// Waits for its end; `mustEnd` is asked every 50 ms.
    package func run(input bytes: [UInt8] = [], mustEnd: () -> Bool) -> Outcome {
        // A file in memory: nobody has to write while the command reads, or does not.
        let input = bytes.withUnsafeBytes { clinux_memory_file($0.baseAddress, $0.count) }
        guard input >= 0 else { return Outcome(end: .notRun("no memory for the input: \(Self.problem(-input))")) }
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
            let isLate = Timestamp.monotonic >= limit
            if isLate || mustEnd() {
                running.kill()
                return Outcome(end: isLate ? .timedOut : .ended, output: running.output)
            }
            running.wait(until: limit)
        }
    }

    static func problem(_ number: Int32) -> String { String(cString: strerror(number)) }
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

    mutating func ended() -> BoundedCommand.Outcome.End? {
        var status: Int32 = 0
        let result = waitpid(process, &status, WNOHANG)
        guard result != 0, !(result < 0 && errno == EINTR) else { return nil }
        read()
        guard result > 0 else { return .notRun("its end cannot be waited for: \(BoundedCommand.problem(errno))") }
        let signal = status & 0x7f
        return signal == 0 ? .exited((status >> 8) & 0xff) : .signalled(signal)
    }

    mutating func wait(until limit: Timestamp) {
        var descriptor = pollfd(fd: isOpen ? stream : -1, events: Int16(POLLIN), revents: 0)
        let seconds = min(max(limit.seconds(since: .monotonic), 0), 1)
        let milliseconds = Int32(clamping: Int((seconds * 1000).rounded(.up)))
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
