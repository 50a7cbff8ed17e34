import Bytes
import Telemetry

/// Reads the logs of containers whose driver leaves no file that others can read, `local` above all, from dockerd itself.
///
/// One thread follows all of them. A line's place is its time and content (`DockerLogPosition`), so that a restart of either
/// side repeats and skips nothing that dockerd still has. dockerd is asked only while there is such a container.
package final class DockerAPISource: LogSource {
    package let name: String
    private let job: String
    private let configuration: DockerConfiguration
    private let limits: LineLimits
    private let relabel: @Sendable (LabelSet) -> LabelSet?

    /// `relabel` applies the job's rules to the labels of one container and stream; nil leaves the stream out.
    package init(
        name: String, job: String = "", configuration: DockerConfiguration, limits: LineLimits = LineLimits(),
        relabel: @escaping @Sendable (LabelSet) -> LabelSet?
    ) {
        self.name = name
        self.job = job
        self.configuration = configuration
        self.limits = limits
        self.relabel = relabel
    }

    package func run(_ context: SourceContext) throws(SourceError) {
        guard configuration.host.hasPrefix("unix://"), configuration.host.utf8.count > 8 else {
            throw SourceError(
                "docker's API is read over a unix socket only: expected `host: unix:///…`, found \(configuration.host)")
        }
        var reader = DockerAPIReader(
            source: name, socket: String(configuration.host.dropFirst(7)), configuration: configuration,
            writer: DockerLogWriter(
                metrics: context.metrics, source: name, job: job, configuration: configuration, limits: limits,
                relabel: relabel),
            context: context)
        do throws(DockerAPIError) {
            try reader.run()
        } catch {
            guard !context.stop.isStopped else { return }
            throw SourceError(error.description)
        }
    }
}
