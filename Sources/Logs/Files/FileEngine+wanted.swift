import Telemetry

/// What the jobs want, as of one moment.
///
/// The jobs look at the file system one after the other. A file that appears between two of these looks, as each
/// rotation makes one appear, would be the later jobs' alone; the others would get it from where those are by then, and
/// lose what stands before.
extension FileEngine {
    /// Looks at most, where files come and go meanwhile.
    private static let lookLimit = 4

    /// All jobs' targets by path, and the paths of which cannot be told yet who wants them: they stay as they are.
    ///
    /// Who wants a file that is new, or is wanted by others than before, is only believed where the same physical file
    /// stood at the path before all the jobs looked and after.
    func wantedFiles() -> (wanted: [String: WantedFile], unclear: Set<String>) {
        var wanted = look()
        var sightings = sightings(wanted)
        // What was believed lately is still so.
        var unclear = sightings.filter { self.sightings[$0.key] != $0.value }
        for _ in 1..<Self.lookLimit where !unclear.isEmpty {
            wanted = look()
            let before = sightings
            sightings = self.sightings(wanted)
            unclear = sightings.filter { before[$0.key].map { $0.identity } != .some($0.value.identity) }
        }
        self.sightings = sightings.filter { unclear[$0.key] == nil }
        return (wanted, Set(unclear.keys))
    }

    private func look() -> [String: WantedFile] {
        var wanted: [String: WantedFile] = [:]
        for job in jobs {
            let found = job.job.discovery.discover()
            watch(Set(found.watchedDirectories), of: job)
            setProblem("job \(job.name)", found.problems.first)
            for target in found.targets { wanted[target.path, default: WantedFile()].targets.append((job, target)) }
        }
        return wanted
    }

    /// The paths that are new, or wanted by others than before, and what stands there now.
    private func sightings(_ wanted: [String: WantedFile]) -> [String: Sighting] {
        var sightings: [String: Sighting] = [:]
        for (path, one) in wanted {
            let fingerprint = one.fingerprint
            guard filesByPath[path]?.fingerprint != fingerprint else { continue }
            let identity = (try? FileStatus.of(path: path))?.identity
            sightings[path] = Sighting(identity: identity, fingerprint: fingerprint)
        }
        return sightings
    }
}

/// Who wanted a path that was not followed for them yet, and which file stood there; nil for none.
struct Sighting: Equatable {
    var identity: FileIdentity?
    var fingerprint: Int
}
