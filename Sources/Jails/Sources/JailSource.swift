import Logs
import Telemetry

/// Where a jail's lines come from.
package enum JailSource: Sendable {
    /// Files by name or pattern, looked for again as they come and go.
    case files([JailDefinition.LogPath])
    /// Entries of a journal by `journalmatch`.
    case journal(JournalPlace, match: String)
    /// What the log road has stored, by selectors of which one must match.
    case stored([[LabelMatcher]])
    /// The bans of the other jails.
    case bans

    var paths: [JailDefinition.LogPath] { if case .files(let paths) = self { paths } else { [] } }
}

/// Jails that read the same lines.
struct LineSet: Sendable, Hashable {
    /// In ascending order.
    var jails: [Int]
}
