import Logs
import Telemetry

/// The sources that a list of jobs asks for: each job gets its reader, and all files share one.
struct SourcePlan {
    struct Planned {
        var configuration: ScrapeConfiguration
        var source: any LogSource
    }

    /// Sources with a thread of their own.
    var sources: [Planned] = []
    /// Jobs of the file source.
    var fileJobs: [FileJob] = []

    init(_ scrapes: [ScrapeConfiguration]) throws(RelabelError) {
        for scrape in scrapes { try add(scrape) }
    }

    private mutating func add(_ scrape: ScrapeConfiguration) throws(RelabelError) {
        switch scrape.source {
        case .journal:
            let relabeler = try Relabeler(scrape.relabelRules ?? JournalSource.defaultRules)
            let source = JournalSource(
                name: unique("journal", scrape.jobName), configuration: scrape, relabel: { relabeler.apply($0) },
                relabelInputs: relabeler.sourceNames)
            sources.append(Planned(configuration: scrape, source: source))
        case .docker(let docker):
            try addFiles(scrape, DockerDiscovery(docker), DockerDiscovery.defaultRules)
            let relabeler = try Relabeler(scrape.relabelRules ?? DockerDiscovery.defaultRules)
            let source = DockerAPISource(
                name: unique("docker-api", scrape.jobName), job: scrape.jobName, configuration: docker,
                limits: scrape.limits, relabel: { relabeler.apply($0) })
            sources.append(Planned(configuration: scrape, source: source))
        case .cri(let pods): try addFiles(scrape, PodDiscovery(pods), [])
        case .podman(let podman): try addFiles(scrape, PodmanDiscovery(podman), [])
        case .files(let targets):
            try addFiles(scrape, GlobDiscovery(groups: targets, format: scrape.format), [])
        }
    }

    private mutating func addFiles(
        _ scrape: ScrapeConfiguration, _ discovery: any TargetDiscovery, _ defaults: [RelabelRule]
    ) throws(RelabelError) {
        let relabeler = try Relabeler(scrape.relabelRules ?? defaults)
        fileJobs.append(
            FileJob(configuration: scrape, discovery: discovery, relabel: { relabeler.apply($0) }))
    }

    /// `journal` for the first job of that name or kind, `journal-JOB` for others.
    private func unique(_ kind: String, _ job: String) -> String {
        let name = job == kind || job.isEmpty ? kind : "\(kind)-\(job)"
        var candidate = name
        var number = 2
        while sources.contains(where: { $0.source.name == candidate }) {
            candidate = "\(name)-\(number)"
            number += 1
        }
        return candidate
    }
}
