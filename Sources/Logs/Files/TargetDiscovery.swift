import Telemetry

/// One log file to follow: the active one; the reader finds its rotated generations beside it.
package struct TailTarget: Sendable, Equatable {
    /// Absolute path of the active file.
    package var path: String
    /// Labels before relabelling: the job's, `__path__`, `__meta_*`.
    package var labels: LabelSet
    package var format: FileFormat
    /// Nothing more will be written (an exited container): read to the end, then close.
    package var isFinished: Bool = false

    package init(path: String, labels: LabelSet, format: FileFormat) {
        self.path = path
        self.labels = labels
        self.format = format
    }
}

/// Tells a file source which files there are to follow.
package protocol TargetDiscovery: Sendable {
    /// Looks at the file system now. Called again when one of the returned directories changes and on every sweep.
    func discover() -> DiscoveredTargets
}

/// What a look found.
package struct DiscoveredTargets: Sendable {
    package var targets: [TailTarget] = []
    /// Directories in which a file or directory that appears, changes its name or goes may change the targets.
    package var watchedDirectories: [String] = []
    /// One sentence each, with the remedy (`cannot read /x: permission denied; …`).
    package var problems: [String] = []

    package init() {}
}

/// One job of a file source.
package struct FileJob: Sendable {
    package var configuration: ScrapeConfiguration
    package var discovery: any TargetDiscovery
    /// Applies the job's relabel rules; nil drops the target. The result may still carry `__` labels.
    package var relabel: @Sendable (LabelSet) -> LabelSet?

    package init(
        configuration: ScrapeConfiguration, discovery: any TargetDiscovery,
        relabel: @escaping @Sendable (LabelSet) -> LabelSet?
    ) {
        self.configuration = configuration
        self.discovery = discovery
        self.relabel = relabel
    }
}
