import ArgumentParser
import Bytes
import Jails
import Telemetry

/// `tocsin jails`: what jails would have done.
struct JailsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "jails", abstract: "Try jails out on what logs have.", subcommands: [BacktestJailsCommand.self])
}

/// `tocsin jails backtest`
struct BacktestJailsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backtest", abstract: "Tell who would have been banned, and when; nobody is.",
        discussion: """
            Every line is judged at its own time. Logs are read by this command: files, the one rotated before each, journals; not \
            streams that only the agent has. An address that got in again within a day of its ban is marked.
            """)

    @Option(help: "From when: 12h, 7d, or a time as 2026-01-31T12:00:00Z.") var since = "7d"

    @Option(help: "Only these jails; may be given several times.") var jail: [String] = []

    @Option(name: .customLong("confdir"), help: "fail2ban's configuration, in place of the agent's.") var directory:
        String?

    @Flag(help: "One JSON object per line, one for each ban.") var json = false

    @OptionGroup var source: ConfigurationOptions

    func validate() throws { _ = try TimeOption.time(since, "--since") }

    func run() throws {
        let plan: JailsRoad.Plan
        do {
            plan = try self.plan()
        } catch {
            Terminal.complain("tocsin jails backtest: \(error)")
            throw ExitCode(1)
        }
        for problem in plan.problems { Terminal.complain(problem) }
        let plans = plan.jails.filter {
            ![JailPlan.manualName, JailPlan.peersName].contains($0.settings.name)
                && (jail.isEmpty || jail.contains($0.settings.name))
        }
        for name in jail where !plans.contains(where: { $0.settings.name == name }) {
            Terminal.complain("tocsin jails backtest: no jail is named \(name)")
            throw ExitCode(1)
        }
        let backtest = JailBacktest(
            plans, since: try TimeOption.time(since, "--since").secondsSince1970, until: Timestamp.now.secondsSince1970,
            streams: nil, names: WaitingNames(), commands: IgnoreCommands())
        backtest.run()
        for problem in backtest.problems { Terminal.complain(problem) }
        EntryPrinter.write(json ? Self.lines(backtest.bans) : Array(Self.table(backtest).utf8))
        if !backtest.problems.isEmpty || !plan.problems.isEmpty { throw ExitCode(1) }
    }

    private func plan() throws -> JailsRoad.Plan {
        let configuration = try Agent.load(Agent.Origin(path: source.path, stateDirectory: nil), logger: nil)
        var section = configuration.jails
        if let directory {
            section.native = []
            section.fail2ban = Fail2banSection()
            section.fail2ban?.directory = directory
        }
        if !jail.isEmpty, section.fail2ban != nil {
            section.fail2ban?.jails = jail.filter { name in !section.native.contains { $0.settings.name == name } }
        }
        return JailPlanner(section, stateDirectory: configuration.stateDirectory).plan()
    }

    private static func lines(_ bans: [JailBacktest.FoundBan]) -> [UInt8] {
        var json = JSONWriter(capacity: 64 << 10)
        for found in bans {
            json.beginObject()
            for (key, text) in [("jail", found.ban.jail), ("target", found.ban.target.description)] {
                json.key(key)
                json.string(text)
            }
            json.key("time")
            json.number(found.ban.time)
            json.key("end")
            if found.end == .infinity { json.null() } else { json.number(found.end) }
            json.key("count")
            json.integer(found.ban.count)
            json.key("failures")
            json.integer(found.ban.failures)
            json.key("matches")
            json.beginArray()
            for line in found.ban.matches { json.string(line) }
            json.endArray()
            if let line = found.laterSuccess {
                json.key("later_success")
                json.string(line)
            }
            json.endObject()
            json.endLine()
        }
        return json.written()
    }

    private static func table(_ backtest: JailBacktest) -> String {
        var text = ""
        if !backtest.bans.isEmpty {
            text += TextTable.text(
                ["TIME", "JAIL", "WHO", "UNTIL", "TIMES", "FAILURES", "GOT IN LATER"],
                backtest.bans.map { found in
                    [
                        BanEvent.text(found.ban.time), found.ban.jail, found.ban.target.description,
                        found.end == .infinity ? "for ever" : BanEvent.text(found.end),
                        "\(found.ban.count)", "\(found.ban.failures)", found.laterSuccess ?? "",
                    ]
                })
        }
        return text
            + TextTable.text(
                ["JAIL", "LINES", "FAILURES", "BANS"],
                backtest.counts.map { [$0.jail, "\($0.lines)", "\($0.failures)", "\($0.bans)"] })
    }
}
