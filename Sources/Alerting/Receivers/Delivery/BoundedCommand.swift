import CLinux
import Glibc
import Telemetry

/// What became of a command, and the beginning of what it printed.
struct CommandOutcome {
    enum End: Equatable { case exited(Int32), signalled(Int32), timedOut, stopped }

    var end: End
    var output: [UInt8]
}

struct CommandError: Error, CustomStringConvertible {
    var description: String
}

/// Runs a program for a bounded time, in a process group of its own that is ended with it, and keeps a bounded part of what
/// it prints. It inherits three descriptors and a small environment.
struct BoundedCommand {
    var arguments: [String]
    /// Seconds.
    var timeout: Double
    private static let mostOutput = 4096

    init(arguments: [String], timeout: Double) {
        self.arguments = arguments
        self.timeout = timeout
    }

    func run(input: [UInt8], stop: StopToken) throws(CommandError) -> CommandOutcome {
        // A file in memory: nobody has to write while the command reads, or does not.
        let file = input.withUnsafeBytes { clinux_memory_file($0.baseAddress, $0.count) }
        guard file >= 0 else { throw CommandError(description: "no memory for the input: \(Self.problem(-file))") }
        defer { close(file) }
        var pipe: Int32 = -1
        var process: pid_t = 0
        let environment = ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8"]
        let words = arguments.map { strdup($0) }
        let variables = environment.map { strdup($0) }
        defer { for word in words + variables { free(word) } }
        let problem = clinux_spawn(
            words.map { UnsafePointer($0) } + [nil], variables.map { UnsafePointer($0) } + [nil], file, &pipe, &process)
        guard problem == 0 else {
            throw CommandError(description: "cannot run \(arguments[0]): \(Self.problem(problem))")
        }
        defer { close(pipe) }
        var output: [UInt8] = []
        let end = follow(process, pipe, &output, stop)
        return CommandOutcome(end: end, output: output)
    }

    /// Reads the output and waits for the end; ends the whole group where that takes too long.
    private func follow(
        _ process: pid_t, _ stream: Int32, _ output: inout [UInt8], _ stop: StopToken
    ) -> CommandOutcome.End {
        let deadline = Timestamp.monotonic.nanoseconds + Int64(timeout * 1e9)
        var isOpen = true
        while true {
            var status: Int32 = 0
            let ended = waitpid(process, &status, WNOHANG)
            if ended == process {
                read(stream, &output, &isOpen)
                let signal = status & 0x7f
                return signal == 0 ? .exited((status >> 8) & 0xff) : .signalled(signal)
            }
            let isStopped = stop.isStopped
            if isStopped || Timestamp.monotonic.nanoseconds >= deadline || ended < 0 && errno != EINTR {
                kill(-process, SIGKILL)
                while waitpid(process, &status, 0) < 0, errno == EINTR {}
                return isStopped ? .stopped : .timedOut
            }
            var descriptors = [
                pollfd(fd: isOpen ? stream : -1, events: Int16(POLLIN), revents: 0),
                pollfd(fd: stop.descriptor, events: Int16(POLLIN), revents: 0),
            ]
            // Nothing tells the end of a process that has closed its streams: it is looked for.
            poll(&descriptors, 2, isOpen ? 50 : 10)
            read(stream, &output, &isOpen)
        }
    }

    private func read(_ stream: Int32, _ output: inout [UInt8], _ isOpen: inout Bool) {
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

    private static func problem(_ number: Int32) -> String { String(cString: strerror(number)) }
}
