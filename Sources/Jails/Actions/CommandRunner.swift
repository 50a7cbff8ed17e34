import Glibc
import Telemetry

/// Runs commands one at a time; each has a process group of its own that is ended with it. Safe from any thread.
///
/// All shell actions of all jails share one, as in fail2ban: what they change, such as a firewall's rules, is often not
/// made for two at once.
package final class CommandRunner: Sendable {
    typealias Outcome = BoundedCommand.Outcome

    private let isBusy = Condition(false)
    private let environment: [String]

    /// - Parameter environment: `NAME=value`; nil for this process's own, without what systemd tells the agent alone.
    package init(environment: [String]? = nil) { self.environment = environment ?? Self.inherited() }

    /// - Parameter timeout: seconds, from when its turn has come.
    func run(_ arguments: [String], timeout: Double, context: ActionContext) -> Outcome {
        guard takeTurn(context) else { return Outcome(end: .ended) }
        defer { isBusy.change { $0 = false } }
        return BoundedCommand(arguments: arguments, environment: environment, timeout: timeout)
            .run { Timestamp.monotonic >= context.deadline || context.stop.isStopped }
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
        if !hasPath { result.append(BoundedCommand.path) }
        return result
    }
}

extension BoundedCommand.Outcome {
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
