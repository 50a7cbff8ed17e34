import Logging
import Telemetry
import Transport

/// What a remote write is made of and may not be had: its address, its rules and its queue. Made before anything that runs
/// is touched; the writer itself is made of it without fail.
package struct RemoteWriteParts: Sendable {
    package let configuration: RemoteWriteConfiguration
    let target: HTTPTarget
    let relabeler: Relabeler?
    let queue: DiskQueue

    /// Opens the queue in `directory`, this remote write's own, or goes on with that of `predecessor`, which has the same
    /// directory and still runs. Throws a sentence that says what is wrong with the URL, a rule or the directory. A queue
    /// that was opened in vain is closed with the last reference.
    package init(
        _ configuration: RemoteWriteConfiguration, directory: String, after predecessor: RemoteWriter? = nil,
        logger: Logger
    ) throws {
        self.configuration = configuration
        target = try HTTPTarget(parsing: configuration.url)
        relabeler = configuration.writeRelabelConfigs.isEmpty ? nil : try Relabeler(configuration.writeRelabelConfigs)
        if let predecessor {
            queue = predecessor.queue
        } else {
            queue = try DiskQueue(directory: directory, maxSize: configuration.queue.maxSize, logger: logger)
        }
    }
}
