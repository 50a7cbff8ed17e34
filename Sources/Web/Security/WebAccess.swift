import Configuration
import Logging
import Synchronization
import Telemetry

/// The web configuration file in force: read at the start, read again when it or a file that it names changes.
///
/// A file with a mistake changes nothing; it is logged, counted, and told by `/-/ready` as `web_config`. Connections
/// keep the certificate with which they began; users, headers and the rate limit count from the next request on.
package final class WebAccess: Sendable {
    /// What holds at one moment.
    struct Rules: Sendable {
        var configuration = WebConfiguration()
        var bucket: TokenBucket?
    }

    private struct State {
        var rules = Rules()
        /// The files that the last reading looked at, as they were then.
        var versions: [String: FileVersion] = [:]
    }

    private let path: String
    private let logger: Logger
    private let readiness: Readiness
    private let success: Gauge
    private let failures: Counter
    private let state = Mutex(State())
    /// One reading at a time: it blocks.
    private let reading = Mutex(())
    let verifier: PasswordVerifier

    /// Reads the file, which has to be right. Blocks.
    package init(
        path: String, metrics: MetricRegistry, readiness: Readiness, logger: Logger,
        verifier: PasswordVerifier = PasswordVerifier()
    ) throws(ConfigurationError) {
        self.path = path
        self.logger = logger
        self.readiness = readiness
        self.verifier = verifier
        success = metrics.gauge(
            "tocsin_web_config_reload_success",
            help: "Whether the web configuration file was right when it was last read.")
        failures = metrics.counter(
            "tocsin_web_config_reload_failures_total",
            help: "Changes of the web configuration file, or of a certificate, that could not be used.")
        try reload()
    }

    var rules: Rules { state.withLock { $0.rules } }

    /// What new connections get; nil: plain HTTP.
    var tls: TLSContext? { state.withLock { $0.rules.configuration.tls?.context } }

    /// Reads the file again if it, or a file that it names, is another than before. Blocks; meant to be called every
    /// few seconds.
    package func refresh() {
        let seen = state.withLock { $0.versions }
        guard seen.contains(where: { FileVersion($0.key) != $0.value }) else { return }
        // The failure is logged and counted where it happens.
        try? reload()
    }

    /// Reads the file again; throws, and changes nothing, where it is wrong. Blocks.
    package func reload() throws(ConfigurationError) {
        try reading.withLock { _ throws(ConfigurationError) in try read() }
    }

    private func read() throws(ConfigurationError) {
        let watched = WatchedFiles()
        do throws(ConfigurationError) {
            let file = try WebConfiguration.read(path, surroundings: watched.surroundings)
            for warning in file.warnings { logger.warning("\(warning)") }
            use(file.contents, watched.versions)
        } catch {
            state.withLock { $0.versions = watched.versions }
            success.set(0)
            failures.add()
            readiness.set(
                "web_config",
                .degraded("the file has changed and is wrong; what it said before holds: \(error.problems[0])"))
            for problem in error.problems {
                logger.error("web configuration not loaded", metadata: ["error": "\(problem)"])
            }
            throw error
        }
    }

    private func use(_ configuration: WebConfiguration, _ versions: [String: FileVersion]) {
        state.withLock { state in
            // The same limit goes on with what is left of it.
            if state.rules.bucket?.limit != configuration.rateLimit {
                state.rules.bucket = configuration.rateLimit.map(TokenBucket.init)
            }
            state.rules.configuration = configuration
            state.versions = versions
        }
        verifier.forgetAll(but: configuration.users.keys)
        success.set(1)
        readiness.set("web_config", .ok)
        logger.info("web configuration loaded", metadata: ["path": "\(path)"])
    }
}
