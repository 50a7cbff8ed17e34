import Bytes

/// What became of a failure, or of a ban, in a jail.
package enum JailEvent: Sendable, Equatable {
    /// A failure that counts. `retries` of them are estimated within the find time.
    case found(BanTarget, time: Double, retries: Int)
    /// It counts for more, since `bans` bans are known of before; `weight` failures in all.
    case knownOffender(BanTarget, time: Double, bans: Int, weight: Int, maximumRetries: Int)
    case ignored(BanTarget, IgnoreReason)
    /// New. In a jail that only observes nothing is to be done about it.
    case banned(Ban, isObserved: Bool)
    /// Somebody banned has reached the number again, and the ban ends later now. `delay`: seconds from the ban's last failure to this one;
    /// more than a few mean that the ban does not hold.
    case prolonged(Ban, delay: Double, isObserved: Bool)
    /// The same, and it ends no later.
    case alreadyBanned(Ban, delay: Double)
    case unbanned(Ban, isObserved: Bool)
    /// From before the find time, in what was written while nobody read.
    case tooOld(String, time: Double)
    /// The ban would be over by now.
    case expired(BanTarget)
    /// The line's time is so many seconds off the clock (below 0 for the past), and was taken for the present. The failure's own
    /// event follows.
    case timeCorrected(String, by: Double)
    /// Nobody who can be banned.
    case refused(String, Refusal)
    /// A network that is not banned as a whole, since it holds somebody who is ignored.
    case notWidened(BanTarget, to: IPNetwork)
    /// It would lock somebody out who is to get in, for the reason given; the ban was taken back.
    case guarded(Ban, reason: String)
    /// Addresses of a name, as `usedns` `warn` has it told.
    case resolved(String, [IPNetwork])

    package enum Refusal: String, Sendable, Equatable {
        case malformed = "no well-formed address"
        case unspecified = "the unspecified address"
        case loopback = "the host itself"
        case multicast = "a multicast or broadcast address"
        case tooWide = "too wide a network"
        case name = "a name, and names are not used"
        case unresolved = "a name without an address"
        case tooMany = "too many wait for an answer"
        case full = "the table of bans is full"
        case tooManyBans = "too many bans at once"
    }

    /// What is to be done about it: nil for nothing, as in a jail that only observes.
    package var change: BanChange? {
        switch self {
        case .banned(let ban, false): .ban(ban)
        case .prolonged(let ban, _, false): .prolong(ban)
        case .unbanned(let ban, false): .unban(ban)
        default: nil
        }
    }

    /// For a metric's label.
    package var name: String {
        switch self {
        case .found: "found"
        case .knownOffender: "known_offender"
        case .ignored: "ignored"
        case .banned(_, false): "banned"
        case .banned(_, true): "observed"
        case .prolonged: "prolonged"
        case .alreadyBanned: "already_banned"
        case .unbanned: "unbanned"
        case .tooOld: "too_old"
        case .expired: "expired"
        case .timeCorrected: "time_corrected"
        case .refused: "refused"
        case .notWidened: "not_widened"
        case .guarded: "guarded"
        case .resolved: "resolved"
        }
    }
}
