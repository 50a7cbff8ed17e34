import Exporter
import Logging
import Synchronization
import Telemetry

/// The servers that every series is sent to, each with a queue of its own under `remote_write/NAME`.
final class RemoteWriters: Sendable {
    private let stateDirectory: String
    private let metrics: MetricRegistry
    private let readiness: Readiness
    private let logger: Logger
    private let running = Mutex<[RemoteWriter]>([])

    init(stateDirectory: String, metrics: MetricRegistry, readiness: Readiness, logger: Logger) {
        self.stateDirectory = stateDirectory
        self.metrics = metrics
        self.readiness = readiness
        self.logger = logger
    }

    /// What is to run, and the parts of those that do not run yet.
    struct Plan: Sendable {
        fileprivate let configurations: [RemoteWriteConfiguration]
        fileprivate let parts: [RemoteWriteParts]
    }

    /// Throws, with what runs untouched, what is wrong with the first that cannot be started.
    func plan(_ configurations: [RemoteWriteConfiguration]) throws -> Plan {
        let running = running.withLock { $0 }
        let parts = try configurations.filter { configuration in
            !running.contains { $0.configuration == configuration }
        }.map { configuration in
            try RemoteWriteParts(
                configuration, directory: "\(stateDirectory)/remote_write/\(configuration.name)",
                after: running.first { $0.configuration.name == configuration.name }, logger: logger)
        }
        return Plan(configurations: configurations, parts: parts)
    }

    /// Runs what `plan` says, leaving alone what has not changed. `sinks` gets those who take samples from now on, before
    /// others end: nothing that comes meanwhile is lost.
    func apply(_ plan: Plan, to sinks: SampleFanOut) {
        running.withLock { running in
            let new = plan.parts.map { parts in
                RemoteWriter(
                    parts, metrics: metrics, readiness: readiness, logger: logger,
                    userAgent: "tocsin/\(Version.current)")
            }
            let wanted = plan.configurations.compactMap { configuration in
                (running + new).first { $0.configuration == configuration }
            }
            sinks.replace(wanted)
            for old in running where !wanted.contains(where: { $0 === old }) {
                let name = old.configuration.name
                old.stop(deadline: 1, successor: new.first { $0.configuration.name == name })
                if plan.configurations.contains(where: { $0.name == name }) { continue }
                old.removeMetrics()
                logger.info("remote write removed", metadata: ["remote_write": "\(name)"])
            }
            for writer in new {
                writer.start()
                logger.info("remote write started", metadata: ["remote_write": "\(writer.configuration.name)"])
            }
            running = wanted
        }
    }

    /// Gives each `deadline` seconds to send what it has; what is left stays in its queue.
    func stop(deadline: Double) {
        let writers = running.withLock { running in
            defer { running = [] }
            return running
        }
        let threads = writers.map { writer in WorkerThread(name: "stop") { writer.stop(deadline: deadline) } }
        for thread in threads { thread.join() }
    }
}
