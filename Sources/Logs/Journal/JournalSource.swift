import Logging
import Telemetry

/// The systemd journal, read by libsystemd: of this host, a namespace of it, or a directory.
///
/// Its position goes with its lines, under the key `journal:<name>`; see `JournalPosition`. Those of all namespaces
/// are sources of their own, `<name>@<namespace>`; see `JournalNamespaces`.
package final class JournalSource: LogSource {
    package let name: String
    private let configuration: ScrapeConfiguration
    private let relabel: @Sendable (LabelSet) -> LabelSet?
    private let relabelInputs: [String]?
    private let faults: (any JournalFaults)?

    /// `relabel` makes an entry's labels of `__journal_*` and the configured ones, or nil to drop the entry; labels
    /// that begin with `__` are taken away afterwards, `__tenant_id__` names the tenant. `relabelInputs` names
    /// the labels it looks at, nil where it may look at any: then nothing can be remembered and each entry is
    /// relabelled anew.
    package convenience init(
        name: String, configuration: ScrapeConfiguration, relabel: @escaping @Sendable (LabelSet) -> LabelSet?,
        relabelInputs: [String]?
    ) {
        self.init(
            name: name, configuration: configuration, relabel: relabel, relabelInputs: relabelInputs, faults: nil)
    }

    init(
        name: String, configuration: ScrapeConfiguration, relabel: @escaping @Sendable (LabelSet) -> LabelSet?,
        relabelInputs: [String]?, faults: (any JournalFaults)?
    ) {
        self.faults = faults
        self.name = name
        self.configuration = configuration
        self.relabel = relabel
        self.relabelInputs = relabelInputs
    }

    /// The key of its position in the store.
    package static func positionKey(_ name: String) -> String { "journal:\(name)" }

    /// What is wrong with a configuration, as a sentence, or nil.
    package static func problem(_ configuration: JournalConfiguration) -> String? {
        do throws(JournalMatchError) {
            _ = try JournalFilter(configuration)
        } catch {
            return error.description
        }
        if !configuration.path.isEmpty, !configuration.namespace.isEmpty {
            return
                "journal: path and namespace exclude each other; a namespace's directory is PATH/MACHINE-ID.NAMESPACE"
        }
        return nil
    }

    package func run(_ context: SourceContext) throws(SourceError) {
        guard case .journal(let journal) = configuration.source else {
            throw SourceError("source \(name): expected a journal configuration")
        }
        if let problem = Self.problem(journal) { throw SourceError(problem) }
        let filter: JournalFilter
        do throws(JournalMatchError) {
            filter = try JournalFilter(journal)
        } catch {
            throw SourceError(error.description)
        }
        let labelling = JournalLabelling(
            job: configuration.jobName, constant: journal.labels, relabel: relabel, inputs: relabelInputs)
        guard journal.namespace == "*" else {
            var reader = JournalReader(
                name: name, journal: journal, filter: filter, labelling: labelling, limits: configuration.limits,
                context: context, faults: faults)
            return try reader.run()
        }
        JournalNamespaces(name: name, context: context) { name, namespace, isNew in
            var journal = journal
            journal.namespace = namespace
            if isNew { journal.maxAge = .infinity }
            var configuration = self.configuration
            configuration.source = .journal(journal)
            return JournalSource(
                name: name, configuration: configuration, relabel: self.relabel, relabelInputs: self.relabelInputs,
                faults: self.faults)
        }.run()
    }
}

/// How labels are made; the same for all entries of a source.
struct JournalLabelling: Sendable {
    let job: String
    let constant: LabelSet
    let relabel: @Sendable (LabelSet) -> LabelSet?
    /// Labels that `relabel` looks at; nil for any.
    let inputs: [String]?

    /// The stream for an entry with these `__journal_*` and constant labels. `hadNone` tells that nothing was left
    /// after relabelling: the entry then goes by its job alone, rather than be lost.
    func target(_ labels: LabelSet) -> (target: StreamTarget, hadNone: Bool)? {
        guard let relabelled = relabel(labels) else { return nil }
        let tenant = relabelled["__tenant_id__"] ?? ""
        var kept = LabelSet(relabelled.labels.filter { !$0.name.hasPrefix("__") })
        let hadNone = kept.isEmpty
        if hadNone { kept["job"] = job.isEmpty ? "journal" : job }
        return (StreamTarget(labels: kept, tenant: tenant), hadNone)
    }
}
