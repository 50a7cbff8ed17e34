import ArgumentParser
import Bytes
import Jails

/// `tocsin bans export`
struct ExportBansCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export", abstract: "Print whom the agent bans, for other programs.")

    @Option(help: "plain: a network a line; json; nginx: deny NETWORK; a line.") var format = "plain"

    @Option(help: "Only of this jail.") var jail: String?

    @OptionGroup var source: ConfigurationOptions

    func validate() throws {
        guard BanListExport(rawValue: format) == nil else { return }
        let known = BanListExport.allCases.map(\.rawValue).joined(separator: ", ")
        throw ValidationError("--format: expected one of \(known), found \"\(format)\"")
    }

    func run() throws {
        try BansCommand.ask("export", source) { client in
            EntryPrinter.write(
                try client.get("/api/bans/export?" + BansCommand.query([("format", format), ("jail", jail)])))
        }
    }
}

/// `tocsin bans lists`
struct BanListsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "lists", abstract: "Show how the block and allow lists are doing.")

    @Flag(help: "As JSON.") var json = false

    @OptionGroup var source: ConfigurationOptions

    func run() throws {
        try BansCommand.ask("lists", source) { client in
            let answer = try client.get("/api/bans/lists")
            if json { return EntryPrinter.write(answer) }
            EntryPrinter.write(Array(Self.table(try JSONValue(parsing: answer.span.bytes)).utf8))
        }
    }

    static func table(_ document: JSONValue) -> String {
        let rows = (document["lists"]?.elements ?? []).map { list in
            func count(_ key: String) -> String { "\(Int(list[key]?.number ?? 0))" }
            let strange = list["first_strange_line"]?.string.map { "\(count("strange_lines")) strange lines: \($0)" }
            return [
                list["name"]?.string ?? "", list["kind"]?.string ?? "", count("networks"),
                list["updated"]?.string ?? "never",
                list["source"]?.string ?? "",
                [list["problem"]?.string, strange].compactMap { $0 }.joined(separator: "; "),
            ]
        }
        if rows.isEmpty { return "there is no list\n" }
        return TextTable.text(["LIST", "KIND", "NETWORKS", "UPDATED", "FROM", "PROBLEMS"], rows)
    }
}
