import Glibc
import Telemetry

/// Closing files from which nothing comes, so that ten thousand of them do not need as many descriptors.
///
/// A closed file stays the active one: its path is looked at and its inode watched as before, and it is opened again
/// when it changes. Where another file stands at its path by then, it is looked for beside it, as after a restart.
extension FileEngine {
    /// Half of what the process may open.
    static func descriptorLimit() -> Int {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 512 }
        return max(64, Int(clamping: limit.rlim_cur / 2))
    }

    /// Closes the files that have been idle the longest, but for those that are always kept open.
    func parkIdle(_ now: Timestamp) {
        let excess = FileContent.openCount - tuning.openFilesKept
        guard excess > 0 else { return }
        var idle = files.filter { file in
            guard let active = file.active, active.content != nil, !file.hasMore, !file.isDue else { return false }
            return active.isAtEnd && now.seconds(since: file.lastChange) >= tuning.parkAfter
        }
        guard !idle.isEmpty else { return }
        if idle.count > excess {
            idle.sort { $0.lastChange < $1.lastChange }
            idle.removeLast(idle.count - excess)
        }
        for file in idle { park(file) }
        areGaugesStale = true
    }

    /// Closes the active file, unless older ones or pieces of a line still need it.
    func park(_ file: FollowedFile) {
        guard let active = file.active, file.queue.count == 1, file.lingering.isEmpty, !active.isReplaying,
            !file.hasOpenJoins
        else { return }
        active.content = nil
    }

    /// Opens a closed file again; false where that is not possible now, or another file stands there.
    func reopen(_ generation: Generation, _ file: FollowedFile) -> Bool {
        do throws(FileError) {
            let content = try FileContent(path: file.path)
            guard try content.status().identity == generation.identity else {
                file.isDue = true
                return false
            }
            generation.content = content
            return true
        } catch {
            if error.isMissing { file.isDue = true } else { reportReading(error, file) }
            return false
        }
    }
}
