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
    private let running = Mutex<[(configuration: RemoteWriteConfiguration, writer: RemoteWriter)]>([])

    init(stateDirectory: String, metrics: MetricRegistry, readiness: Readiness, logger: Logger) {
        self.stateDirectory = stateDirectory
        self.metrics = metrics
        self.readiness = readiness
        self.logger = logger
    }

    /// Runs these, leaving alone what has not changed; returns the sinks. Throws what is wrong with the first that cannot
    /// be started; those before it run then.
    func apply(_ configurations: [RemoteWriteConfiguration]) throws -> [any SampleSink] {
        try running.withLock { running in
            for entry in running where !configurations.contains(entry.configuration) {
                entry.writer.stop(deadline: 1)
                if !configurations.contains(where: { $0.name == entry.configuration.name }) {
                    entry.writer.removeMetrics()
                    logger.info("remote write removed", metadata: ["remote_write": "\(entry.configuration.name)"])
                }
            }
            running.removeAll { entry in !configurations.contains(entry.configuration) }
            for configuration in configurations
            where !running.contains(where: { $0.configuration == configuration }) {
                let writer = try RemoteWriter(
                    configuration: configuration, directory: "\(stateDirectory)/remote_write/\(configuration.name)",
                    metrics: metrics, readiness: readiness, logger: logger, userAgent: "tocsin/\(Version.current)")
                writer.start()
                running.append((configuration, writer))
                logger.info("remote write started", metadata: ["remote_write": "\(configuration.name)"])
            }
            return running.map(\.writer)
        }
    }

    /// Gives each `deadline` seconds to send what it has; what is left stays in its queue.
    func stop(deadline: Double) {
        let writers = running.withLock { running in
            defer { running = [] }
            return running.map(\.writer)
        }
        let threads = writers.map { writer in WorkerThread(name: "stop") { writer.stop(deadline: deadline) } }
        for thread in threads { thread.join() }
    }
}
