/// How far another host's bans are believed.
package struct PeerTrust: Sendable, Equatable {
    /// Jails of the other host whose bans count; empty for all.
    package var jails: [String] = []
    /// Bans of several hosts for one target count together; at `threshold` they are done here.
    package var weight = 1.0
    /// Seconds that a ban stands here at most.
    package var maxDuration = 7 * 86_400.0

    package init() {}
}
