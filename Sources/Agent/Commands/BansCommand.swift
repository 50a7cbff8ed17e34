import ArgumentParser
import Bytes
import Configuration
import Jails
import Telemetry
import Web

/// `tocsin bans`: who is banned, and why.
struct BansCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bans", abstract: "Show who is banned, ban, forgive, and tell why.",
        subcommands: [
            ListBansCommand.self, AddBanCommand.self, RemoveBanCommand.self, BanHistoryCommand.self,
            ExplainBanCommand.self, ExportBansCommand.self, BanListsCommand.self,
        ], defaultSubcommand: ListBansCommand.self)

    /// Asks the running agent.
    static func ask(
        _ command: String, _ source: ConfigurationOptions, _ body: (AgentClient) throws -> Void
    ) throws {
        try SilenceArguments.run("bans \(command)") { try body(try source.client()) }
    }

    static func query(_ parameters: [(String, String?)]) -> String {
        parameters.compactMap { name, value in value.map { "\(name)=\(PercentCoding.encoded($0))" } }
            .joined(separator: "&")
    }

    /// An address or a network, of whatever else a jail may ban the text.
    static func isTarget(_ text: String) -> Bool { !text.isEmpty && text.utf8.count <= 1024 }
}

/// `tocsin bans`, or `tocsin bans list`
struct ListBansCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "Show the bans that hold.")

    @Option(help: "Only of this jail.") var jail: String?

    @Flag(help: "The jails and what they count, instead of bans.") var jails = false

    @Flag(help: "As JSON.") var json = false

    @OptionGroup var source: ConfigurationOptions

    func run() throws {
        try BansCommand.ask("list", source) { client in
            let answer = try client.get(
                (jails ? "/api/jails?" : "/api/bans?") + BansCommand.query([("jail", jail)]))
            if json { return EntryPrinter.write(answer) }
            let document = try JSONValue(parsing: answer.span.bytes)
            EntryPrinter.write(Array((jails ? Self.jails(document) : Self.bans(document)).utf8))
        }
    }

    static func bans(_ document: JSONValue) -> String {
        let rows = (document["bans"]?.elements ?? []).map { ban in
            [
                ban["ip"]?.string ?? "", ban["jail"]?.string ?? "", ban["time"]?.string ?? "",
                ban["end"]?.string ?? "for ever", "\(Int(ban["count"]?.number ?? 0))", ban["origin"]?.string ?? "",
            ]
        }
        if rows.isEmpty { return "nobody is banned\n" }
        return TextTable.text(["WHO", "JAIL", "SINCE", "UNTIL", "TIMES", "BY"], rows)
    }

    static func jails(_ document: JSONValue) -> String {
        let rows = (document["jails"]?.elements ?? []).map { jail in
            func count(_ key: String) -> String { "\(Int(jail[key]?.number ?? 0))" }
            return [
                jail["name"]?.string ?? "", jail["mode"]?.string ?? "", count("currently_failed"),
                count("total_failed"), count("currently_banned"), count("total_banned"),
                (jail["problems"]?.elements ?? []).compactMap(\.string).joined(separator: "; "),
            ]
        }
        if rows.isEmpty { return "there is no jail\n" }
        return TextTable.text(["JAIL", "MODE", "FAILING", "FAILURES", "BANNED", "BANS", "PROBLEMS"], rows)
    }
}

/// `tocsin bans add IP…`
struct AddBanCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "add", abstract: "Ban addresses or networks.",
        discussion: "What must never be banned (this host, its gateway, who is logged in) is refused.")

    @Argument(help: "Addresses or networks: 192.0.2.1, 2001:db8::/64.") var targets: [String]

    @Option(help: "The jail that bans; by default one of its own, `manual`.") var jail: String?

    @Option(name: .customLong("for"), help: "For how long: 1h, 30d, or `ever`. Default: as the jail has it.")
    var duration: String?

    @Option(help: "Why, for people.") var comment = ""

    @OptionGroup var source: ConfigurationOptions

    func validate() throws {
        for target in targets where !BansCommand.isTarget(target) {
            throw ValidationError("expected an address or a network, found \"\(target)\"")
        }
        _ = try seconds()
    }

    private func seconds() throws -> String? {
        guard let duration else { return nil }
        if duration == "ever" { return "-1" }
        guard let seconds = DurationText.seconds(duration), seconds > 0 else {
            throw ValidationError("--for: expected a duration such as 1h or 30d, or ever, found \"\(duration)\"")
        }
        return "\(seconds)"
    }

    func run() throws {
        let seconds = try seconds()
        try BansCommand.ask("add", source) { client in
            var refusals: [any Error] = []
            for target in targets {
                let query = BansCommand.query([
                    ("ip", target), ("jail", jail), ("ban_time", seconds),
                    ("comment", comment.isEmpty ? "by \(SilenceArguments.user)" : comment),
                ])
                do {
                    let answer = try client.post("/api/bans?" + query, [])
                    let ban = try JSONValue(parsing: answer.span.bytes)
                    print(
                        "\(ban["ip"]?.string ?? target) is banned until \(ban["end"]?.string ?? "somebody forgives it")"
                    )
                } catch {
                    // One that is refused keeps none of the others out of it.
                    if let refusal = refusals.last { Terminal.complain("tocsin bans add: \(refusal)") }
                    refusals.append(error)
                }
            }
            if let refusal = refusals.last { throw refusal }
        }
    }
}

/// `tocsin bans remove IP…`
struct RemoveBanCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "remove", abstract: "End bans and forget what led to them.",
        discussion:
            "A network ends the bans of all addresses in it, an address also those of networks that hold it: native jails ban IPv6 by /64."
    )

    @Argument(help: "Addresses, networks, or whatever else was banned.") var targets: [String] = []

    @Option(help: "Only in this jail.") var jail: String?

    @Flag(help: "Every ban there is.") var all = false

    @OptionGroup var source: ConfigurationOptions

    func validate() throws {
        if targets.isEmpty != all || !targets.allSatisfy(BansCommand.isTarget) {
            throw ValidationError("expected addresses, or --all")
        }
    }

    func run() throws {
        try BansCommand.ask("remove", source) { client in
            var count = 0
            for target in all ? ["*"] : targets {
                let answer = try client.post(
                    "/api/bans/remove?"
                        + BansCommand.query([(all ? "all" : "ip", all ? "true" : target), ("jail", jail)]), [])
                count += Int(try JSONValue(parsing: answer.span.bytes)["removed"]?.number ?? 0)
            }
            print(count == 1 ? "1 ban is ended" : "\(count) bans are ended")
            if count == 0 { throw ExitCode(1) }
        }
    }
}

/// `tocsin bans history [IP]`
struct BanHistoryCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "history", abstract: "Show bans and their ends, the newest last.")

    @Argument(help: "Only of this address or network.") var target: String?

    @Option(help: "Only of this jail.") var jail: String?

    @Option(help: "How far back: 15m, 24h, 7d, or a time as 2026-01-31T12:00:00Z.") var since = "24h"

    @Option(help: "At most this many, the newest.") var limit = 1000

    @Flag(help: "One JSON object per line.") var json = false

    @OptionGroup var source: ConfigurationOptions

    func validate() throws {
        _ = try TimeOption.time(since, "--since")
        if limit < 1 { throw ValidationError("--limit: expected a number above 0") }
    }

    func run() throws {
        let start = try TimeOption.time(since, "--since").milliseconds
        try BansCommand.ask("history", source) { client in
            let answer = try client.get(
                "/api/bans/history?"
                    + BansCommand.query([
                        ("ip", target), ("jail", jail), ("start", "\(start)"), ("limit", "\(limit)"),
                    ]))
            EntryPrinter.write(json ? answer : Array(try Self.table(answer).utf8))
        }
    }

    static func table(_ lines: [UInt8]) throws -> String {
        var rows: [[String]] = []
        for line in lines.split(separator: 0x0a) {
            let bytes = Array(line)
            let event = try JSONValue(parsing: bytes.span.bytes)
            rows.append(
                ["time", "event", "target", "jail", "end", "origin", "why"].map { event[$0]?.string ?? "" })
        }
        if rows.isEmpty { return "nobody was banned\n" }
        return TextTable.text(["TIME", "EVENT", "WHO", "JAIL", "UNTIL", "BY", "WHY"], rows)
    }
}

/// `tocsin bans explain IP`
struct ExplainBanCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain", abstract: "Tell everything that is known of an address: failures, bans, who ignores it."
    )

    @Argument(help: "The address.") var target: String

    @OptionGroup var source: ConfigurationOptions

    func run() throws {
        try BansCommand.ask("explain", source) { client in
            EntryPrinter.write(try client.get("/api/bans/explain?" + BansCommand.query([("ip", target)])))
        }
    }
}
