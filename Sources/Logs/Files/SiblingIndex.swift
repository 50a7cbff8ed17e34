import Glibc
import Telemetry

/// Which names in a directory are rotated forms of which: read once for all files of a directory, as long as the
/// directory does not change.
final class SiblingIndex {
    private struct Listing {
        /// Of the directory, when it was listed.
        var modified: Int64
        var identity: FileIdentity
        var rotated: [String: [String]]
    }

    private var listings: [String: Listing] = [:]
    /// A directory's time is as coarse as the kernel's tick: one that changed less long ago may change again unseen.
    private static let settlingTime: Int64 = 100_000_000

    /// The names in `directory` that are rotated forms of `base`.
    func names(_ directory: String, of base: String) -> [String] {
        let status = try? FileStatus.of(path: directory)
        if let listing = listings[directory], let status, status.modified == listing.modified,
            status.identity == listing.identity
        {
            return listing.rotated[base] ?? []
        }
        listings[directory] = nil
        guard let entries = try? DirectoryListing.entries(of: directory) else { return [] }
        guard let status, Timestamp.now.nanoseconds - status.modified > Self.settlingTime else {
            return entries.map(\.name).filter { RotatedName($0, of: base) != nil }
        }
        var rotated: [String: [String]] = [:]
        for entry in entries {
            for base in RotatedName.bases(of: entry.name) { rotated[base, default: []].append(entry.name) }
        }
        listings[directory] = Listing(modified: status.modified, identity: status.identity, rotated: rotated)
        return rotated[base] ?? []
    }

    /// Gives memory back; for idle times.
    func forget() { listings = [:] }
}
