import Alerting
import ArgumentParser
import Configuration
import Glibc
import Telemetry

/// `tocsin silence while [MATCHER…] -- COMMAND ARGS`
struct SilenceWhileCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "while", abstract: "Silence alerts while a command runs.",
        discussion:
            "Without matchers all alerts are held back. The exit code is the command's; 125 where the silence could not "
            + "be made and nothing was run, 128 and the number of a signal that came before the command, 126 where the command cannot be run, 127 where it is not there."
    )

    @Argument(help: "Matchers that all have to hold, then -- and the command with its arguments.") var words: [String] =
        []

    @Option(help: "How long the silence goes on after this command was killed; renewed at each third of it.")
    var lease = "1m"

    @OptionGroup var origin: SilenceOrigin

    @OptionGroup var alertmanager: AlertmanagerOptions

    func validate() throws {
        if command.isEmpty { throw ValidationError("expected a command after --") }
        _ = try wanted()
        _ = try SilenceArguments.duration(lease, "--lease")
    }

    /// What stands after the first `--`; the parser gives two lists of arguments as one.
    private var command: [String] { Array(CommandLine.arguments.drop { $0 != "--" }.dropFirst()) }

    private func wanted() throws -> [LabelMatcher] {
        let matchers = Array(words.dropLast(command.count))
        return try SilenceArguments.matchers(matchers.isEmpty ? ["alertname=~\".+\""] : matchers)
    }

    func run() throws {
        let (command, matchers, lease) = (self.command, try wanted(), try SilenceArguments.duration(lease, "--lease"))
        let now = Timestamp.now.milliseconds
        var silence = origin.silence(
            matchers, from: now, to: now + lease, otherwise: "while running: \(command.joined(separator: " "))")
        let client: AlertmanagerClient
        let signals: ForegroundSignals
        do {
            // A signal between the silence's beginning and the command's has both end.
            signals = try ForegroundSignals()
            client = try alertmanager.client()
            silence.id = try client.set(silence)
            // It begins by the server's clock, and a change in place has to name the same beginning.
            silence = try client.silence(silence.id)
        } catch {
            complain("\(error); nothing was run")
            Glibc.exit(125)
        }
        let code: Int32
        do throws(ForegroundCommand.Failure) {
            if let signal = signals.pending {
                complain("signal \(signal) came before the command; nothing was run")
                code = 128 + signal
            } else {
                code = attend(try ForegroundCommand(command, signals), &silence, client, lease)
            }
        } catch {
            complain("\(error)")
            code = error.code
        }
        do {
            try client.delete("/silence/\(silence.id)")
        } catch {
            complain("silence \(silence.id): \(error); it ends by itself after \(self.lease)")
        }
        Glibc.exit(code)
    }

    /// The command's exit code; renews the silence until then.
    private func attend(
        _ command: ForegroundCommand, _ silence: inout Silence, _ client: AlertmanagerClient, _ lease: Int64
    ) -> Int32 {
        var isComplaining = false
        var pause = lease / 3
        while true {
            if let code = command.wait(seconds: Double(pause) / 1000) { return code }
            do {
                silence.endsAt = Timestamp.now.milliseconds + lease
                let id = try client.set(silence)
                // One that was over in the meantime got a successor.
                if id != silence.id { silence = try client.silence(id) }
                pause = lease / 3
                isComplaining = false
            } catch {
                if !isComplaining { complain("the silence cannot be renewed now: \(error)") }
                isComplaining = true
                pause = lease / 12
            }
        }
    }

    private func complain(_ text: String) { Terminal.complain("tocsin silence while: \(text)") }
}
