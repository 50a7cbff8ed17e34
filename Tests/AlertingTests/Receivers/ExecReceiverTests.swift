import Glibc
import PushServer
import Telemetry
import Testing

@testable import Alerting

@Suite struct ExecReceiverTests {
    private func run(_ command: String, timeout: String = "10s") throws -> DeliveryResult {
        let server = PushServer { _ in .status(200) }
        defer { server.stop() }
        let integration = try ReceiverBench().integration(
            "receivers: [{name: r, exec_configs: [{command: \(command), timeout: \(timeout)}]}]", server)
        return integration.deliver(SampleNotifications.mixed, memory: [:], stop: StopToken())
    }

    private func shell(_ script: String) -> String { "['/bin/sh', '-c', '\(script)']" }

    @Test("the notification is on standard input, and nowhere else")
    func input() throws {
        let script =
            #"read -r line; case "$line" in *team*DiskFull*) ;; *) exit 1;; esac; test "$(env | grep -c DiskFull)" = 0; printf %s "$line" | head -c 20 >&2; exit 65"#
        #expect(try run(shell(script)) == .refused(reason: #"exit status 65: {"receiver":"team\\."#))
    }

    @Test("arguments are not for a shell")
    func noShell() throws {
        #expect(try run("['/bin/echo', '$(touch /tmp/never); {{ .Status }}']") == .delivered(memory: [:]))
        #expect(try run("['/usr/bin/test', '$HOME', '=', '$HOME']") == .delivered(memory: [:]))
    }

    /// sysexits.h: usage, data, permission and configuration are wrong however often one tries.
    @Test("every kind of exit status", arguments: [0, 1, 2, 63, 64, 65, 66, 69, 70, 75, 76, 77, 78, 79, 126, 127, 255])
    func status(status: Int32) throws {
        let expected: ReceiverOutcome =
            status == 0 ? .delivered : [64, 65, 77, 78].contains(status) ? .refused : .retry
        #expect(ReceiverOutcome(try run(shell("exit \(status)"))) == expected)
    }

    @Test("exit statuses")
    func statuses() throws {
        #expect(try run(shell("exit 0")) == .delivered(memory: [:]))
        #expect(try run(shell("echo no; exit 75")) == .retry(reason: "exit status 75: no", after: nil))
        #expect(try run(shell("exit 78")) == .refused(reason: "exit status 78"))
        #expect(try run(shell("kill -9 $$$$")) == .retry(reason: "ended by signal 9", after: nil))
        guard case .retry(let reason, nil) = try run("['/no/such/program']") else {
            Issue.record("not tried again")
            return
        }
        #expect(reason.hasPrefix("cannot run /no/such/program"))
    }

    @Test("one that hangs is ended, and what it has started too")
    func hangs() throws {
        let before = Timestamp.monotonic.nanoseconds
        guard
            case .retry(let reason, nil) = try run(
                shell("sleep 77 & echo $!; trap : TERM; (trap : TERM; sleep 77) & wait; wait"), timeout: "200ms"),
            let child = reason.split(separator: " ").lazy.compactMap({ Int32($0) }).first
        else {
            Issue.record("not tried again, or nothing said")
            return
        }
        // What has ended may wait for its new parent to take note.
        let limit = Timestamp.monotonic.adding(seconds: 2)
        while kill(child, 0) == 0, Timestamp.monotonic < limit, !isZombie(child) { usleep(10_000) }
        #expect(kill(child, 0) != 0 || isZombie(child))
        #expect(
            try run(shell("sleep 60 & echo begun; wait"), timeout: "300ms")
                == .retry(reason: "not done after 300ms: begun", after: nil))
        #expect(Timestamp.monotonic.nanoseconds - before < 5_000_000_000)
    }

    private func isZombie(_ process: pid_t) -> Bool {
        guard let file = fopen("/proc/\(process)/stat", "r") else { return false }
        defer { fclose(file) }
        var text = [UInt8](repeating: 0, count: 256)
        let count = fread(&text, 1, text.count, file)
        return String(decoding: text[..<count], as: UTF8.self).contains(") Z ")
    }

    @Test("output without end is cut, and input that nobody reads is no error")
    func output() throws {
        guard case .retry(let reason, nil) = try run(shell("yes x; exit 1"), timeout: "300ms") else {
            Issue.record("not tried again")
            return
        }
        #expect(reason.utf8.count < 400)
        #expect(try run("['/bin/true']") == .delivered(memory: [:]))
    }
}
