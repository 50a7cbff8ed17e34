import Glibc
import Telemetry

/// Finds the files of `static_configs`: those that match a group's `__path__` and not its `__path_exclude__`.
///
/// Each gets the group's labels, `filename` and `__path__`. Directories that match on the way are watched, so that
/// new files, and new directories with files in them, are seen as they appear.
package struct GlobDiscovery: TargetDiscovery {
    private let groups: [Group]
    private let format: FileFormat

    private struct Group: Sendable {
        var configuration: FileTargetConfiguration
        var glob: Glob
        var exclude: Glob?
    }

    /// Directories looked into at most, for patterns such as `/**`.
    private static let directoryLimit = 20_000

    package init(groups: [FileTargetConfiguration], format: FileFormat = .plain) {
        self.groups = groups.map {
            Group(
                configuration: $0, glob: Glob($0.path), exclude: $0.exclude.isEmpty ? nil : Glob($0.exclude))
        }
        self.format = format
    }

    package func discover() -> DiscoveredTargets {
        var walk = Walk()
        var result = DiscoveredTargets()
        for group in groups {
            guard group.configuration.path.hasPrefix("/") else {
                result.problems.append(
                    "__path__ \"\(group.configuration.path)\" is not an absolute path; write it from the root")
                continue
            }
            walk.files = []
            for alternative in group.glob.alternatives { walk.descend("/", alternative[...]) }
            for path in walk.files.sorted() where group.exclude?.matches(path) != true {
                var labels = group.configuration.labels
                labels["filename"] = path
                labels["__path__"] = group.configuration.path
                result.targets.append(TailTarget(path: path, labels: labels, format: format))
            }
        }
        result.watchedDirectories = walk.directories.sorted()
        result.problems += walk.problems
        if walk.isCut {
            result.problems.append(
                "more than \(Self.directoryLimit) directories match __path__; the rest is not looked at: "
                    + "use a narrower pattern")
        }
        return result
    }

    private struct Walk {
        var files: Set<String> = []
        var directories: Set<String> = []
        var problems: [String] = []
        var isCut = false
        private var listings: [String: [DirectoryListing.Entry]] = [:]

        /// Collects what is below `directory` and matches `pattern`.
        mutating func descend(_ directory: String, _ pattern: ArraySlice<Glob.Component>) {
            guard let first = pattern.first else { return }
            let rest = pattern.dropFirst()
            switch first {
            case .literal(let name):
                let path = DirectoryListing.join(directory, name)
                guard let status = try? FileStatus.of(path: path) else {
                    // It may appear: its directory tells.
                    enter(directory)
                    return
                }
                if rest.isEmpty {
                    enter(directory)
                    if !status.isDirectory { files.insert(path) }
                } else if status.isDirectory {
                    descend(path, rest)
                }
            case .pattern:
                enter(directory)
                for entry in entries(directory) where Glob.matches(Array(entry.name.utf8), first) {
                    take(DirectoryListing.join(directory, entry.name), entry.type, rest)
                }
            case .anyDirectories:
                // No directory at all, and each directory below. Links to directories are not followed: they may loop.
                if rest.isEmpty {
                    enter(directory)
                    for entry in entries(directory) where !entry.name.hasPrefix(".") {
                        take(DirectoryListing.join(directory, entry.name), entry.type, rest)
                    }
                } else {
                    descend(directory, rest)
                }
                enter(directory)
                for entry in entries(directory) where !entry.name.hasPrefix(".") {
                    let path = DirectoryListing.join(directory, entry.name)
                    let isDirectory =
                        entry.type == UInt8(DT_DIR)
                        || (entry.type == UInt8(DT_UNKNOWN)
                            && (try? FileStatus.of(path: path))?.isDirectory == true)
                    if isDirectory { descend(path, pattern) }
                }
            }
        }

        /// A name that matched: a file where it is the last, else a directory to go on in.
        private mutating func take(_ path: String, _ type: UInt8, _ rest: ArraySlice<Glob.Component>) {
            if rest.isEmpty, type == UInt8(DT_REG) {
                files.insert(path)
                return
            }
            if !rest.isEmpty, type == UInt8(DT_REG) { return }
            guard let status = try? FileStatus.of(path: path) else { return }
            if rest.isEmpty {
                if status.isRegular { files.insert(path) }
            } else if status.isDirectory {
                descend(path, rest)
            }
        }

        private mutating func enter(_ directory: String) { directories.insert(directory) }

        private mutating func entries(_ directory: String) -> [DirectoryListing.Entry] {
            if let known = listings[directory] { return known }
            guard listings.count < GlobDiscovery.directoryLimit else {
                isCut = true
                return []
            }
            do {
                let entries = try DirectoryListing.entries(of: directory)
                listings[directory] = entries
                return entries
            } catch {
                listings[directory] = []
                if !error.isMissing { problems.append(error.description) }
                return []
            }
        }
    }
}
