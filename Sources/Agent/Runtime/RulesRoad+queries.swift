import Configuration
import Rules
import Telemetry
import Web

extension Router {
    /// Adds Prometheus's API for queries on what an agent's store has.
    ///
    /// - Parameters:
    ///   - path: of the configuration file; nil without one.
    ///   - metadata: what is known about families.
    ///   - alertmanagers: URLs of those that alerts go to, and of those that relabelling drops.
    ///   - lastReload: when the configuration was last loaded, and whether that succeeded.
    mutating func addQueries(
        _ road: RulesRoad, _ section: RulesSection, path: String?, stateDirectory: String,
        metadata: @escaping @Sendable () -> [MetricMetadata],
        alertmanagers: @escaping @Sendable () -> (active: [String], dropped: [String]),
        lastReload: @escaping @Sendable () -> (time: Timestamp, isSuccess: Bool)
    ) {
        let status = ServerStatus(
            configuration: { path.map(ConfigurationText.read) ?? "" },
            flags: path.map { [("config.file", $0)] } ?? [], lastReload: lastReload,
            alertmanagers: alertmanagers, damagedFiles: { [store = road.store] in store.damagedFiles },
            retention: section.series.retention)
        addQueries(
            QueryAPI(source: road.store, options: section.queryOptions, metadata: metadata),
            maxConcurrency: section.queries.maxConcurrency, queries: road.queries, status: status,
            stateDirectory: stateDirectory,
            receiver: section.queries.takesRemoteWrite
                ? RemoteWriteReceiver(sink: road.store, maximumSeries: section.series.maxSeries) : nil)
    }
}

/// The configuration file, secrets hidden.
enum ConfigurationText {
    static func read(_ path: String) -> String {
        switch ConfigurationSurroundings.process.read(path) {
        case .failure(let failure): return "# \(path) cannot be read: \(failure.reason)\n"
        case .success(let bytes):
            do throws(ConfigurationError) {
                return try RedactedYAML.text(bytes, file: path)
            } catch {
                return "# \(path) is no YAML\n"
            }
        }
    }
}
