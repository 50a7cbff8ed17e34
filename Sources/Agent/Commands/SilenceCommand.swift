import Alerting
import ArgumentParser
import Bytes
import Telemetry
import Web

/// `tocsin silence`: holds alerts back.
struct SilenceCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "silence", abstract: "Hold alerts back for a time, until they end, or while a command runs.",
        subcommands: [
            AddSilenceCommand.self, ListSilencesCommand.self, ExpireSilenceCommand.self,
            SilenceUntilResolvedCommand.self, SilenceWhileCommand.self,
        ])
}

/// `tocsin silence add MATCHER…`
struct AddSilenceCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "add", abstract: "Make a silence and print its id.",
        discussion: "A first word without an operator is the alert's name.")

    @Argument(help: "Matchers that all have to hold: severity=page, team=~\"db|web\".") var matchers: [String]

    @Option(name: .customLong("for"), help: "For how long: 30m, 2h, 1d. Default: 1h.") var duration: String?

    @Option(help: "Until when, in place of --for: 2026-01-31T12:00:00Z.") var until: String?

    @Option(help: "From when: a time, or after how long. Default: now.") var starts: String?

    @OptionGroup var origin: SilenceOrigin

    @OptionGroup var alertmanager: AlertmanagerOptions

    func validate() throws { _ = try silence() }

    private func silence() throws -> Silence {
        let now = Timestamp.now.milliseconds
        let start = try starts.map { try SilenceArguments.time($0, "--starts", after: now) } ?? now
        if until != nil, duration != nil { throw ValidationError("expected --for or --until, found both") }
        let end: Int64
        if let until {
            end = try SilenceArguments.time(until, "--until", after: now)
        } else {
            end = start + (try SilenceArguments.duration(duration ?? "1h", "--for"))
        }
        if end <= start || end <= now {
            throw ValidationError("--until: expected a time after the beginning and after now")
        }
        return origin.silence(try SilenceArguments.matchers(matchers), from: start, to: end)
    }

    func run() throws {
        let silence = try silence()
        try SilenceArguments.run("silence add") { print(try alertmanager.client().set(silence)) }
    }
}

/// `tocsin silence list [MATCHER…]`
struct ListSilencesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "Show silences and maintenance windows: those in force and those to come.")

    @Argument(help: "Only silences that have these matchers.") var matchers: [String] = []

    @Flag(help: "Show those that are over, too.") var expired = false

    @Flag(help: "Alertmanager's JSON.") var json = false

    @OptionGroup var alertmanager: AlertmanagerOptions

    func validate() throws { _ = try SilenceArguments.matchers(matchers) }

    func run() throws {
        let filters = try SilenceArguments.matchers(matchers).map {
            "&filter=" + PercentCoding.encoded($0.alertmanagerText)
        }
        try SilenceArguments.run("silence list") {
            let answer = try alertmanager.client().get("/silences?expired=\(expired)" + filters.joined())
            if json { return EntryPrinter.write(answer) }
            let document = try JSONValue(parsing: answer.span.bytes)
            // Alertmanagers before 0.28 know no parameter for it and give out all.
            let shown = document.elements.filter { expired || $0["status"]?["state"]?.string != "expired" }
            EntryPrinter.write(Array(try Self.table(shown, at: Timestamp.now.milliseconds).utf8))
        }
    }

    /// In the order in which they came: those in force first.
    static func table(_ silences: [JSONValue], at now: Int64) throws -> String {
        var rows: [[String]] = []
        for json in silences {
            let silence = try Silence.shown(json).get()
            let state = silence.state(at: now)
            let isBound = silence.coveredAlerts != nil && state == .active
            rows.append([
                json["id"]?.string ?? "", json["status"]?["state"]?.string ?? state.rawValue, time(silence.startsAt),
                isBound ? "when resolved" : time(silence.endsAt),
                silence.matchers.map(\.alertmanagerText).joined(separator: " "), silence.createdBy, silence.comment,
            ])
        }
        if rows.isEmpty { return "no silence is there\n" }
        return TextTable.text(["ID", "STATE", "STARTS", "ENDS", "MATCHERS", "BY", "COMMENT"], rows)
    }

    /// To the second.
    static func time(_ milliseconds: Int64) -> String { APITime.text(milliseconds).dropLast(5) + "Z" }
}

/// `tocsin silence expire ID…`
struct ExpireSilenceCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "expire", abstract: "End silences.",
        discussion: "Exit code 1 where one of them could not be ended.")

    @Argument(help: "Ids, as `tocsin silence list` shows them.") var ids: [String]

    @OptionGroup var alertmanager: AlertmanagerOptions

    func run() throws {
        try SilenceArguments.run("silence expire") {
            let client = try alertmanager.client()
            var hasFailed = false
            for id in ids {
                do {
                    try client.delete("/silence/\(PercentCoding.encoded(id))")
                } catch {
                    hasFailed = true
                    Terminal.complain("tocsin silence expire: \(id): \(error)")
                }
            }
            if hasFailed { throw ExitCode(1) }
        }
    }
}
