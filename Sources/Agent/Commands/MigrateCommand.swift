import ArgumentParser
import Bytes
import Configuration
import Jails
import Telemetry

/// `tocsin migrate`: another program's configuration as one of ours.
struct MigrateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "migrate", abstract: "Turn another program's configuration into one for the agent.",
        subcommands: [MigrateFail2banCommand.self])
}

/// `tocsin migrate fail2ban`
struct MigrateFail2banCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fail2ban", abstract: "Print the jails section that runs fail2ban's jails.",
        discussion: """
            Nothing is changed. The section goes to standard output, what is different or not done to standard error. It ends with 1 where \
            fail2ban's configuration cannot be read.
            """)

    @Option(name: .customLong("confdir"), help: "fail2ban's configuration.") var directory = "/etc/fail2ban"

    @Option(help: "fail2ban's database. Default: the dbfile of its fail2ban.conf.") var database: String?

    @Flag(help: "The section and the notes as JSON.") var json = false

    func run() throws {
        let migration: Fail2banMigration
        do {
            migration = try Fail2banMigration(
                directory: directory, database: database, now: Timestamp.now.secondsSince1970)
        } catch {
            Terminal.complain("tocsin migrate fail2ban: \(error)")
            throw ExitCode(1)
        }
        guard json else {
            for note in migration.notes { Terminal.complain(note) }
            return EntryPrinter.write(Array(migration.document.utf8))
        }
        var writer = JSONWriter()
        writer.beginObject()
        writer.key("configuration")
        writer.string(migration.document)
        writer.key("notes")
        writer.beginArray()
        for note in migration.notes { writer.string(note) }
        writer.endArray()
        writer.endObject()
        print(String(lossy: writer.buffer.bytes))
    }
}
