import Glibc
import Synchronization
import Telemetry

/// The file to which what happens is also written as fail2ban's log has it. Opened for each batch of lines, so that it may be rotated by
/// whatever means.
package final class BanLog: Sendable {
    private struct State {
        var lines = ""
        var problem: String?
    }

    package let path: String
    private let format: Fail2banLog
    private let state = Mutex(State())
    /// Bytes that wait for a disk with room; what is more is left out.
    private static let mostWaiting = 1 << 20

    package init(path: String, zone: ZoneFile) {
        self.path = path
        format = Fail2banLog(zone: zone, process: getpid())
    }

    /// What could not be written last; nil where all is well.
    package var problem: String? { state.withLock { $0.problem } }

    /// Keeps the lines of an event for the next `write`.
    func note(_ event: JailEvent, of jail: JailSettings, now: Double) {
        let lines = format.lines(for: event, of: jail, now: now)
        guard !lines.isEmpty else { return }
        state.withLock { state in
            guard state.lines.utf8.count < Self.mostWaiting else { return }
            for line in lines { state.lines += line + "\n" }
        }
    }

    func write() {
        state.withLock { state in
            guard !state.lines.isEmpty else { return }
            let file = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0o640)
            guard file >= 0 else {
                state.problem = "cannot write \(path): \(String(cString: strerror(errno)))"
                return
            }
            defer { close(file) }
            let bytes = Array(state.lines.utf8)
            let count = bytes.withUnsafeBytes { Glibc.write(file, $0.baseAddress, $0.count) }
            state.problem = count == bytes.count ? nil : "cannot write \(path): \(String(cString: strerror(errno)))"
            state.lines = count > 0 ? String(decoding: bytes[count...], as: UTF8.self) : state.lines
        }
    }
}
