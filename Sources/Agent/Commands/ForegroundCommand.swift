import CLinux
import Glibc
import Telemetry

/// The signals to this process from now on: a command that is run later is told of them, and nothing ends before what is to be
/// done behind it is done. One in a process.
struct ForegroundSignals {
    fileprivate struct Note {
        var signal: Int32
        /// Whether a terminal has told the command, too.
        var isToldAlready: Bool
    }

    fileprivate let notes: Int32

    init() throws(ForegroundCommand.Failure) {
        var notes: Int32 = -1
        let problem = clinux_watch_signals(&notes)
        guard problem == 0 else {
            throw ForegroundCommand.Failure(description: "signals: \(String(cString: strerror(problem)))", code: 126)
        }
        self.notes = notes
    }

    /// The number of one that came before there was a command.
    var pending: Int32? { next()?.signal }

    fileprivate func next() -> Note? {
        var note: (signal: UInt8, isToldAlready: UInt8) = (0, 0)
        while read(notes, &note, 2) == 2 {
            if note.signal == UInt8(SIGCHLD) { continue }
            return Note(signal: Int32(note.signal), isToldAlready: note.isToldAlready != 0)
        }
        return nil
    }
}

/// A command that has the terminal for itself while something is done around it. One in a process.
struct ForegroundCommand {
    private let process: pid_t
    private let signals: ForegroundSignals

    /// Why it cannot be run, as env(1) and timeout(1) tell it by their exit codes.
    struct Failure: Error, CustomStringConvertible {
        var description: String
        /// 127 for a command that is not there, 126 for one that cannot be run.
        var code: Int32
    }

    init(_ arguments: [String], _ signals: ForegroundSignals) throws(Failure) {
        let words = arguments.map { strdup($0) }
        defer { for word in words { free(word) } }
        var process: pid_t = 0
        let problem = clinux_spawn_foreground(words.map { UnsafePointer($0) } + [nil], &process)
        guard problem == 0 else {
            throw Failure(
                description: "\(arguments[0]): \(String(cString: strerror(problem)))",
                code: problem == ENOENT ? 127 : 126)
        }
        self.process = process
        self.signals = signals
    }

    /// Its exit code, 128 and the number where a signal ended it; nil where it still runs after so many seconds. Signals
    /// that come meanwhile are passed on, but for those of a terminal, which the command has got already.
    func wait(seconds: Double) -> Int32? {
        let deadline = Timestamp.monotonic.adding(seconds: seconds)
        while true {
            var status: Int32 = 0
            let ended = waitpid(process, &status, WNOHANG)
            if ended == process {
                let signal = status & 0x7f
                return signal == 0 ? (status >> 8) & 0xff : 128 + signal
            }
            if ended < 0, errno != EINTR { return 1 }
            let left = deadline.seconds(since: .monotonic)
            if left <= 0 { return nil }
            var descriptor = pollfd(fd: signals.notes, events: Int16(POLLIN), revents: 0)
            poll(&descriptor, 1, Int32(min(left * 1000 + 1, 60_000)))
            while let note = signals.next() {
                if !note.isToldAlready { kill(process, note.signal) }
            }
        }
    }
}
