import Alerting
import ArgumentParser
import Bytes
import Configuration
import Rules
import Telemetry

/// `tocsin test notify RECEIVER [LABEL=VALUE…]`
struct NotifyTestCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "notify", abstract: "Send a test notification by every way of a receiver.",
        discussion: "It says that it is a test. No agent is needed. Exit code 1 where one of the ways failed.")

    @Argument(help: "The receiver's name.") var receiver: String

    @Argument(help: "Labels of the test's alert: severity=page.") var labels: [String] = []

    @Flag(help: "Tell the end of the test, too, so that services that keep incidents close theirs.") var resolve = false

    @Flag(help: "As JSON.") var json = false

    @OptionGroup var source: ConfigurationOptions

    func validate() throws { _ = try TrialArguments.labels(labels) }

    func run() throws {
        let labels = try TrialArguments.labels(labels)
        var outcomes: [NotifyTrial.Outcome] = []
        try SilenceArguments.run("test notify") {
            var (configuration, url) = try TrialArguments.section(source)
            let environment = try TrialArguments.environment(configuration, "test notify")
            guard let ways = configuration.makeIntegrations(environment)[receiver] else {
                let hint =
                    NearestKey.of(receiver, among: configuration.receivers.map(\.name))
                    .map { "; did you mean \($0)?" } ?? ""
                throw AgentClient.Failure(description: "no receiver is named \"\(receiver)\"\(hint)")
            }
            if ways.isEmpty {
                throw AgentClient.Failure(description: "receiver \"\(receiver)\" has no way to tell anybody")
            }
            NotifyTrial.run(
                ways, receiver: receiver, labels: labels, externalURL: url, isResolving: resolve, stop: StopToken()
            ) { outcomes.append($0) }
        }
        show(outcomes)
        if outcomes.contains(where: { $0.error != nil }) { throw ExitCode(1) }
    }

    private func show(_ outcomes: [NotifyTrial.Outcome]) {
        guard json else {
            let rows = outcomes.map { outcome in
                let milliseconds = "\(Int((outcome.seconds * 1000).rounded())) ms"
                return [
                    outcome.kind, outcome.state.rawValue, outcome.error == nil ? "ok" : "failed", milliseconds,
                    outcome.error ?? "",
                ]
            }
            return print(TextTable.text(["INTEGRATION", "ALERT", "OUTCOME", "TIME", "ERROR"], rows), terminator: "")
        }
        var writer = JSONWriter()
        writer.beginArray()
        for outcome in outcomes {
            writer.beginObject()
            for (key, text) in [("integration", outcome.kind), ("alert", outcome.state.rawValue)] {
                writer.key(key)
                writer.string(text)
            }
            writer.key("ok")
            writer.bool(outcome.error == nil)
            writer.key("seconds")
            writer.number(outcome.seconds)
            if let error = outcome.error {
                writer.key("error")
                writer.string(error)
            }
            writer.endObject()
        }
        writer.endArray()
        print(String(lossy: writer.buffer.bytes))
    }
}
