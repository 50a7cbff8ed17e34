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
        #expect(
            try run(shell("sleep 60 & echo begun; wait"), timeout: "300ms")
                == .retry(reason: "not done after 300ms: begun", after: nil))
        #expect(Timestamp.monotonic.nanoseconds - before < 5_000_000_000)
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
