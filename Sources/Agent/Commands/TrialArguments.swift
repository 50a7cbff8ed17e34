import Alerting
import ArgumentParser
import Configuration
import Telemetry

/// What `tocsin test route` and `tocsin test notify` have in common.
enum TrialArguments {
    /// `severity=page`, one or several in a text; a first word without `=` is the alert's name.
    static func labels(_ texts: [String]) throws -> LabelSet {
        var labels = LabelSet()
        // Several labels in one argument, unless a value holds the space.
        let words = texts.flatMap { text -> [String] in
            let parts = text.split(whereSeparator: \.isWhitespace).map(String.init)
            return !parts.isEmpty && !text.contains("\"") && parts.allSatisfy { $0.contains("=") } ? parts : [text]
        }
        for (index, word) in words.enumerated() {
            if index == 0, !word.contains("=") {
                labels["alertname"] = word
                continue
            }
            do {
                let matcher = try MatcherSyntax.matcher(word)
                guard matcher.operation == .equal else { throw ValidationError("\(word): expected label=value") }
                labels.keep(matcher.name, matcher.value)
            } catch let error as MatcherError {
                throw ValidationError("\(word): \(error); expected label=value")
            }
        }
        return labels
    }

    /// Where alerts go, by the configuration.
    static func section(_ source: ConfigurationOptions) throws -> (AlertingConfiguration, externalURL: String) {
        let configuration = try Agent.load(
            Agent.Origin(path: source.path, stateDirectory: source.absoluteStateDirectory), logger: nil)
        guard let alerting = configuration.alerting.configuration else {
            throw AgentClient.Failure(
                description:
                    "\(source.path ?? "the built-in configuration") has no `alerting`: nobody is told of alerts")
        }
        let own = configuration.alerting.externalURL
        return (alerting, own.isEmpty ? RulesRoad.externalURL(configuration) : own)
    }

    /// What delivers, or would; templates that fail are told of.
    static func environment(_ configuration: AlertingConfiguration, _ command: String) throws -> ReceiverEnvironment {
        guard let templates = configuration.templates else {
            throw AgentClient.Failure(description: "the templates cannot be read")
        }
        return ReceiverEnvironment(
            templates: templates, userAgent: "tocsin/\(Version.current)",
            templateFailed: { kind, key, error in
                Terminal.complain("tocsin \(command): \(kind): \(key): \(error); the default text is sent instead")
            })
    }
}
