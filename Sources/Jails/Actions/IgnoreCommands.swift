import Telemetry

/// Runs `ignorecommand`s, one at a time, on a thread that is there while one runs.
package final class IgnoreCommands: IgnoreCommandRunner {
    private typealias Job = @Sendable () -> Void

    private struct State {
        var jobs: [Job] = []
        var isWorking = false
    }

    private let runner = CommandRunner()
    private let context = ActionContext(name: "ignorecommand")
    private let state = Condition(State())

    package init() {}

    package func run(
        _ command: String, environment: [String: String], timeout: Double, answer: @escaping @Sendable (Int32?) -> Void
    ) {
        let variables = environment.sorted { $0.key < $1.key }
        var text = ""
        for (index, variable) in variables.enumerated() {
            text += "\(variable.key)=${\(index)} "
        }
        let words = ["/bin/sh", "-c", variables.isEmpty ? command : text + "\n" + command] + variables.map(\.value)
        let mustStart = state.change { state in
            state.jobs.append { [runner, context] in
                if case .exited(let status) = runner.run(words, timeout: timeout, context: context).end {
                    answer(status)
                } else {
                    answer(nil)
                }
            }
            defer { state.isWorking = true }
            return !state.isWorking
        }
        if mustStart { WorkerThread(name: "ignorecommand") { [self] in work() }.detach() }
    }

    private func work() {
        while let job = next() { job() }
    }

    private func next() -> Job? {
        state.withLock { state in
            guard !state.jobs.isEmpty else {
                state.isWorking = false
                return nil
            }
            return state.jobs.removeFirst()
        }
    }

    /// Breaks off what runs.
    package func stop() { context.stop.stop() }
}
