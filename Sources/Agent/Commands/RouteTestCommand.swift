import Alerting
import ArgumentParser
import Bytes
import Configuration
import Synchronization
import Telemetry

/// `tocsin test route LABEL=VALUE…`
struct RouteTestCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "route", abstract: "Whom an alert with these labels would reach, by which route, and when.",
        discussion: "Read from the configuration. Where an agent runs, it is asked what it silences and inhibits.")

    @Argument(help: "Labels: severity=page; a first word without `=` is the alert's name.") var labels: [String] = []

    @Flag(help: "Show what each receiver would be sent; secrets are left out.") var payload = false

    @Flag(help: "Show the tree of routes, with a star at those that take the alert.") var tree = false

    @Flag(help: "As JSON.") var json = false

    @OptionGroup var source: ConfigurationOptions

    func validate() throws { _ = try TrialArguments.labels(labels) }

    func run() throws {
        let labels = try TrialArguments.labels(labels)
        try SilenceArguments.run("test route") {
            let (configuration, url) = try TrialArguments.section(source)
            if tree { print(RouteTrial.tree(RoutingTree(configuration.route), labels)) }
            let now = Timestamp.now.milliseconds
            let state = try live(configuration, at: now)
            let trial = RouteTrial(labels, configuration, state: state ?? AlertingState(), at: now)
            if json { return print(Self.json(trial, isLive: state != nil)) }
            print("\(labels)")
            for way in trial.ways {
                print("\n" + Self.text(way), terminator: "")
                if payload { try show(way, trial, configuration, url) }
            }
            print("\n" + Self.held(trial, isLive: state != nil))
        }
    }

    /// Alerts and silences of the running agent; nil where there is none.
    private func live(_ configuration: AlertingConfiguration, at now: Int64) throws -> AlertingState? {
        let client = AlertmanagerClient.agent(try source.client())
        do {
            let silences = try client.get("/silences?expired=false")
            let alerts = try client.get("/alerts")
            return AlertingState(
                alerts: try JSONValue(parsing: alerts.span.bytes),
                silences: try JSONValue(parsing: silences.span.bytes),
                leavingOut: configuration.maintenance, at: now)
        } catch {
            guard (error as? AgentClient.Failure)?.isAbsence == true else {
                Terminal.complain("tocsin test route: the agent does not say what it holds back: \(error)")
                return nil
            }
            return nil
        }
    }

    private static func text(_ way: RouteTrial.Way) -> String {
        let route = way.route
        func duration(_ milliseconds: Int64) -> String { DurationText.text(Double(milliseconds) / 1000) }
        return """
            receiver  \(route.receiver)
            route     \(route.key)
            group     \(way.groupLabels)
            told      \(duration(route.groupWait)) after its group begins, changes every \(duration(route.groupInterval)), \
            the same again after \(duration(route.repeatInterval))
            times     \(times(way))

            """
    }

    private static func times(_ way: RouteTrial.Way) -> String {
        let change = way.timingChange.map { ListSilencesCommand.time($0) }
        switch way.timing {
        case .muted(let names), .inactive(let names):
            let reason = way.timing?.reason ?? ""
            return "muted now by \(reason) \(names.joined(separator: ", "))"
                + (change.map { ", until \($0)" } ?? ", for a year at least")
        default: return "not muted" + (change.map { ", the next time at \($0)" } ?? "")
        }
    }

    private static func held(_ trial: RouteTrial, isLive: Bool) -> String {
        var lines: [String] = []
        if let labels = trial.inhibitedBy { lines.append("inhibited by \(labels)") }
        for silence in trial.silences {
            lines.append(
                "silenced by \(silence.id) until \(ListSilencesCommand.time(silence.endsAt)): \(silence.comment)")
        }
        if lines.isEmpty, isLive { lines.append("neither silenced nor inhibited now") }
        if !isLive { lines.append("no agent answers: silences and alerts that inhibit are not known") }
        return lines.joined(separator: "\n")
    }

    private func show(
        _ way: RouteTrial.Way, _ trial: RouteTrial, _ configuration: AlertingConfiguration, _ url: String
    ) throws {
        let shown = Mutex<[PayloadPreview]>([])
        var environment = try TrialArguments.environment(configuration, "test route")
        environment.preview = { preview in shown.withLock { $0.append(preview) } }
        var configuration = configuration
        for integration in configuration.makeIntegrations(environment)[way.route.receiver] ?? [] {
            let result = integration.deliver(
                trial.notification(way, externalURL: url), memory: [:], stop: StopToken())
            let previews = shown.withLock { shown in
                defer { shown = [] }
                return shown
            }
            for preview in previews {
                print("\(integration.kind) is sent \(preview.type):")
                print(String(decoding: preview.body, as: UTF8.self))
            }
            if previews.isEmpty, case .retry(let reason, _) = result { print("\(integration.kind): \(reason)") }
            if previews.isEmpty, case .refused(let reason) = result { print("\(integration.kind): \(reason)") }
        }
    }

    private static func json(_ trial: RouteTrial, isLive: Bool) -> String {
        var writer = JSONWriter()
        func texts(_ key: String, _ texts: [String]) {
            writer.key(key)
            writer.beginArray()
            for text in texts { writer.string(text) }
            writer.endArray()
        }
        writer.beginObject()
        texts("receivers", trial.ways.map(\.route.receiver))
        writer.key("routes")
        writer.beginArray()
        for way in trial.ways {
            writer.beginObject()
            for (key, text) in [
                ("receiver", way.route.receiver), ("route", way.route.key), ("groupKey", way.groupKey),
                ("muted", way.timing?.reason ?? ""), ("mutedChange", way.timingChange.map { APITime.text($0) } ?? ""),
            ] {
                writer.key(key)
                writer.string(text)
            }
            for (key, milliseconds) in [
                ("groupWait", way.route.groupWait), ("groupInterval", way.route.groupInterval),
                ("repeatInterval", way.route.repeatInterval),
            ] {
                writer.key(key)
                writer.number(Double(milliseconds) / 1000)
            }
            writer.endObject()
        }
        writer.endArray()
        texts("silencedBy", trial.silences.map(\.id))
        texts("inhibitedBy", trial.inhibitedBy.map { ["\($0)"] } ?? [])
        writer.key("agent")
        writer.bool(isLive)
        writer.endObject()
        return String(lossy: writer.buffer.bytes)
    }
}
