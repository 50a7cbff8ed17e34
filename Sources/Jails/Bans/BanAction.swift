/// What becomes of bans.
package enum BanChange: Sendable, Equatable {
    case ban(Ban)
    /// The same ban ends later now.
    case prolong(Ban)
    case unban(Ban)

    package var ban: Ban {
        switch self {
        case .ban(let ban), .prolong(let ban), .unban(let ban): ban
        }
    }

    /// Without lines and groups.
    var bare: BanChange {
        var ban = ban
        (ban.matches, ban.groups) = ([], [:])
        return with(ban)
    }

    var withoutLines: BanChange {
        var ban = ban
        ban.matches = []
        return with(ban)
    }

    /// Bytes of its lines and groups, their overhead among them.
    var textSize: Int { BanTexts.size(matches: ban.matches, groups: ban.groups) }

    /// Without lines where `room` bytes do not hold them, without groups as well where they do not hold those.
    func fitting(_ room: Int) -> BanChange {
        if textSize <= room { return self }
        return withoutLines.textSize <= room ? withoutLines : bare
    }

    private func with(_ ban: Ban) -> BanChange {
        switch self {
        case .ban: .ban(ban)
        case .prolong: .prolong(ban)
        case .unban: .unban(ban)
        }
    }
}

/// Why an action did not do what it was asked: one sentence that says what was expected, what was found and what to do.
package struct BanActionError: Error, CustomStringConvertible, Sendable, Equatable {
    package var description: String
    package init(_ description: String) { self.description = description }
}

/// What a jail does with its bans: a firewall's set, a command, a web hook, a file. Called on a thread of its own, never twice at a
/// time; it may block.
package protocol BanAction: AnyObject, Sendable {
    /// Unique among the actions of the agent; shown in metrics, readiness and the log.
    var name: String { get }

    /// Makes ready, with the bans that hold from before, all at once. Called before any log is read, and again after a failure.
    func start(restoring bans: [Ban], now: Double) throws(BanActionError)

    /// Does what changed, in order. What it throws is counted and shown; it is not asked for the same again, but `start`
    /// comes with all bans that hold.
    func apply(_ changes: [BanChange], now: Double) throws(BanActionError)

    /// The agent ends, or the jail's configuration no longer has this action.
    func stop(isRemoved: Bool)
}
