/// What a filter found in a line: somebody who failed, or something about a session that will tell who.
package struct Failure: Equatable, Sendable {
    /// Who: an address, a name, or what `<F-ID>` took; nil while a session is not known to belong to anybody.
    package var id: String?
    /// Whether `id` is a host's name that is still to be resolved.
    package var isName = false
    /// Seconds since 1970.
    package var time: Double
    /// It tells something about a session and counts for nothing by itself.
    package var isNoFail = false
    package var groups: FailureGroups
    /// All users of the session, in the order of their appearance.
    package var users: [String] = []
    /// The lines, those of the session's earlier helpers among them.
    package var matches: [String] = []
    /// Of the pattern that matched, from 0.
    package var pattern: Int
    /// For how many failures it counts.
    package var weight = 1

    /// Most lines that are kept of a session.
    static let mostMatches = 100
    static let nothing = Failure(time: 0, groups: FailureGroups(.common), pattern: 0)

    init(time: Double, groups: FailureGroups, pattern: Int) {
        self.time = time
        self.groups = groups
        self.pattern = pattern
    }

    /// What a group took, where that is some text.
    package func text(_ group: String) -> String? {
        if case .text(let text)? = groups[group], !text.isEmpty { text } else { nil }
    }

    /// The same by the place of a group.
    func text(_ slot: Int) -> String? { groups.text(slot) }

    /// Sets who it is, in fail2ban's order: `<F-ID>`, an IPv4 address, an IPv6 address, a name.
    mutating func identify() {
        isName = false
        if case .list(let parts)? = groups[GroupNames.fid] {
            id = parts.joined(separator: ", ")
            return
        }
        if let fid = text(GroupNames.fid) {
            id = fid
        } else if let address = text(GroupNames.ip4) ?? text(GroupNames.ip6) {
            if let cidr = text(GroupNames.cidr) { id = address + "/" + cidr } else { id = address }
        } else {
            id = text(GroupNames.dns)
            isName = id != nil
        }
    }
}
