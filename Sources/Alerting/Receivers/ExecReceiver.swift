import Configuration
import Glibc
import Telemetry

/// `exec_configs`: a command of this host.
package struct ExecConfiguration: ReceiverConfiguration {
    package static let kind = "exec"
    package static let templateKeys: [TemplateKey] = []
    package var options: ReceiverOptions
    var command: [String] = []
    var timeout = 30.0
    var mostAlerts = 0

    package static let configurationKeys: [ConfigurationKey] =
        ReceiverOptions.keys(templateKeys, sendsResolved: true, usesHTTP: false) + [
            ConfigurationKey(
                "command", "list of strings", "The program with its whole path, and its arguments; no shell."),
            ConfigurationKey("timeout", "duration", default: "30s", "After which it is ended."),
            ConfigurationKey("max_alerts", "int", default: "0", "How many alerts are told of at most; 0 for all."),
        ]

    package init(_ reader: MappingReader) {
        options = ReceiverOptions(reader, Self.templateKeys, sendsResolved: true, usesHTTP: false)
        command = reader.strings("command") ?? command
        timeout = reader.duration("timeout", in: 0.1...600) ?? timeout
        mostAlerts = reader.int("max_alerts") ?? mostAlerts
        guard let program = command.first else {
            reader.report("command is missing: expected a program and its arguments")
            return
        }
        if !program.hasPrefix("/") { reader.report("command: expected the program's whole path", at: "command") }
        if command.contains(where: { $0.utf8.contains(0) }) {
            reader.report("command: expected no NUL character", at: "command")
        }
        if program.hasPrefix("/"), access(program, X_OK) != 0 {
            reader.warn("command: \(program) cannot be run now: \(String(cString: strerror(errno)))", at: "command")
        }
    }

    package func integrations(
        _ global: GlobalConfiguration, _ environment: ReceiverEnvironment
    ) -> [any Integration] { [ExecReceiver(configuration: self, environment: environment)] }
}

/// Runs a command with the notification, in the webhook's format, on its standard input.
///
/// Nothing of a notification is among the arguments or in the environment. Exit status 0 is success; 64, 65, 77 and 78
/// (usage, data, permission and configuration of sysexits.h) are final, everything else is tried again.
struct ExecReceiver: Integration {
    let configuration: ExecConfiguration
    let environment: ReceiverEnvironment
    private static let final: Set<Int32> = [64, 65, 77, 78]

    var kind: String { ExecConfiguration.kind }
    var sendsResolved: Bool { configuration.options.sendsResolved }

    func deliver(_ notification: Notification, memory: DeliveryMemory, stop: StopToken) -> DeliveryResult {
        .of { () throws(DeliveryFailure) in
            let data = NotificationData(notification, mostAlerts: configuration.mostAlerts)
            let input = WebhookReceiver.payload(data).bytes + [0x0a]
            try environment.show("application/json", input)
            let outcome = BoundedCommand(
                arguments: configuration.command, environment: [BoundedCommand.path, "LANG=C.UTF-8"],
                timeout: configuration.timeout
            ).run(input: input) { stop.isStopped }
            let said = ServiceClient.excerpt(outcome.output)
            switch outcome.end {
            case .exited(0): return memory
            case .exited(let status) where Self.final.contains(status): throw .refused("exit status \(status)" + said)
            case .exited(let status): throw .retry("exit status \(status)" + said)
            case .signalled(let signal): throw .retry("ended by signal \(signal)" + said)
            case .timedOut: throw .retry("not done after \(DurationText.text(configuration.timeout))" + said)
            case .ended: throw .retry("stopped")
            case .notRun(let reason): throw .retry("cannot run " + reason)
            }
        }
    }
}
