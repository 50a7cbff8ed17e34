import Synchronization
import Telemetry

/// Runs `ignorecommand`s by the shell, four at a time, each with its tags filled in as an action's are. Apart from the actions' commands: who is
/// slow to say whom to ignore holds no ban up. Safe from any thread.
package final class IgnoreCommands: IgnoreCommandRunner {
    private struct Request: Sendable {
        let command: String
        let candidate: Ban
        let timeout: Double
        let answer: @Sendable (Int32?) -> Void
    }

    private struct State {
        var queue: [Request] = []
        var threads = 0
    }

    private let state = Mutex(State())
    private let facts: ActionFacts
    private let context = ActionContext(name: "ignorecommand")

    private static let mostThreads = 4

    /// - Parameter facts: what tags say beside the candidate; its closures may wait.
    package init(facts: ActionFacts = ActionFacts()) { self.facts = facts }

    package func run(
        _ command: String, for candidate: Ban, timeout: Double, answer: @escaping @Sendable (Int32?) -> Void
    ) {
        let request = Request(command: command, candidate: candidate, timeout: timeout, answer: answer)
        let startsThread = state.withLock { state in
            // Jails bound what waits.
            state.queue.append(request)
            guard state.threads < Self.mostThreads else { return false }
            state.threads += 1
            return true
        }
        if startsThread { WorkerThread(name: "ignorecommand") { [self] in work() }.detach() }
    }

    /// Ends what runs; whatever has not been answered is answered with nil.
    package func stop() {
        context.end(within: 0)
        context.stop.stop()
    }

    private func work() {
        // Of its own, since a runner does one command at a time.
        let runner = CommandRunner()
        while let request = next() {
            let script = BanTags(ban: request.candidate, facts: facts).tags.script(request.command)
            let words = ["/bin/sh", "-c", script.text] + script.parameters
            let outcome = runner.run(words, timeout: request.timeout, context: context)
            if case .exited(let status) = outcome.end { request.answer(status) } else { request.answer(nil) }
        }
    }

    private func next() -> Request? {
        state.withLock { state in
            guard !state.queue.isEmpty else {
                state.threads -= 1
                return nil
            }
            return state.queue.removeFirst()
        }
    }
}
