import Alerting
import ArgumentParser
import Telemetry

/// `tocsin silence until-resolved MATCHER…`
struct SilenceUntilResolvedCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "until-resolved",
        abstract: "Silence the alerts that fire now and meet all matchers, until they end.",
        discussion: "Alerts that begin later are told, and so is one that ended and begins anew.")

    @OptionGroup var arguments: AcknowledgementArguments

    func validate() throws { try arguments.check() }

    func run() throws { try arguments.run("silence until-resolved", otherwise: "") }
}

/// `tocsin alerts ack MATCHER…`: the same under the name that people look for.
struct AcknowledgeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ack", abstract: "Acknowledge the alerts that fire now and meet all matchers.",
        discussion: "They are not told again before they end; the same as `tocsin silence until-resolved`.")

    @OptionGroup var arguments: AcknowledgementArguments

    func validate() throws { try arguments.check() }

    func run() throws { try arguments.run("alerts ack", otherwise: "acknowledged") }
}

/// A silence that ends with its alerts. A plain Alertmanager has none, so only the agent is asked.
struct AcknowledgementArguments: ParsableArguments {
    @Argument(help: "Matchers that all have to hold; a first word without an operator is the alert's name.")
    var matchers: [String]

    @Option(help: "The longest time that it holds.") var atMost = "30d"

    @OptionGroup var origin: SilenceOrigin

    @OptionGroup var source: ConfigurationOptions

    func check() throws {
        _ = try SilenceArguments.matchers(matchers)
        _ = try SilenceArguments.duration(atMost, "--at-most")
    }

    func run(_ command: String, otherwise comment: String) throws {
        let now = Timestamp.now.milliseconds
        let silence = origin.silence(
            try SilenceArguments.matchers(matchers), from: now,
            to: now + (try SilenceArguments.duration(atMost, "--at-most")),
            annotations: [Silence.untilKey: Silence.untilResolved], otherwise: comment)
        try SilenceArguments.run(command) {
            let client = AlertmanagerClient.agent(try source.client())
            let id = try client.set(silence)
            print(id)
            let count = try client.silence(id).coveredAlerts?.count ?? 0
            Terminal.complain("\(count) \(count == 1 ? "alert" : "alerts") held back until resolved")
        }
    }
}
