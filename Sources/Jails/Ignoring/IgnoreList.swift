import Bytes

/// Why somebody is not banned.
package enum IgnoreReason: String, Sendable, Equatable {
    case ownAddress = "ignoreself rule"
    case address = "ip"
    case name = "dns"
    case file = "file"
    case text = "text"
    case command = "command"
    case list = "list"
}

/// `ignoreself` and `ignoreip` of a jail: addresses, networks, names of hosts, files of all these, texts. Used by one thread, which never waits.
package final class IgnoreList {
    enum Answer: Equatable {
        case ignored(IgnoreReason)
        case counted
        /// A name of the list has never been resolved yet.
        case pending
    }

    private let host: HostAddresses?
    private let resolver: any NameResolving
    private let allowed: AllowedNetworks?
    private let own: IgnoreEntries
    private var files: [IgnoreFile]
    /// Addresses of names, as of `resolvedAt`.
    private var resolved = NetworkSet()
    private var resolvedAt: Double?
    private var isPending = false

    /// Seconds between two questions for the names' addresses.
    private static let resolveInterval = 1.0

    /// - Parameters:
    ///   - resolver: for the names of the list alone, or whoever can put names into a log could crowd them out.
    ///   - allowed: of all jails.
    package init(
        _ settings: IgnoreSettings, host: HostAddresses, resolver: any NameResolving, allowed: AllowedNetworks? = nil
    ) {
        self.allowed = allowed
        self.host = settings.ignoresSelf ? host : nil
        self.resolver = resolver
        own = IgnoreEntries(settings.entries.filter { !$0.hasPrefix(IgnoreFile.prefix) })
        files = settings.entries.filter { $0.hasPrefix(IgnoreFile.prefix) }.map {
            IgnoreFile(path: String($0.dropFirst(IgnoreFile.prefix.count)))
        }
    }

    /// What is wrong with files of the list at present: one sentence each.
    package var problems: [String] { files.compactMap(\.problem) }

    /// - Parameter text: what the log has; `address` of it, where it is one.
    func answer(_ text: String, address: IPNetwork?, now: Double) -> Answer {
        if let address {
            if let host, host.contains(address, now: now) { return .ignored(.ownAddress) }
            if own.networks.contains(address) { return .ignored(.address) }
            if allowed?.overlapping(address) != nil { return .ignored(.list) }
        }
        if own.texts.contains(text) { return .ignored(.text) }
        for index in files.indices {
            files[index].refresh(now)
            let entries = files[index].entries
            if let address, entries.networks.contains(address) { return .ignored(.file) }
            if entries.texts.contains(text) { return .ignored(.file) }
        }
        guard let address else { return .counted }
        resolve(now)
        if resolved.contains(address) { return .ignored(.name) }
        return isPending ? .pending : .counted
    }

    /// A network that holds anybody who is ignored must not be banned as a whole.
    func overlaps(_ network: IPNetwork, now: Double) -> Bool {
        if let host, host.overlaps(network, now: now) { return true }
        if own.networks.overlaps(network) || allowed?.overlapping(network) != nil { return true }
        for index in files.indices {
            files[index].refresh(now)
            if files[index].entries.networks.overlaps(network) { return true }
        }
        resolve(now)
        return resolved.overlaps(network)
    }

    private func resolve(_ now: Double) {
        if let resolvedAt, now >= resolvedAt, now - resolvedAt < Self.resolveInterval, !isPending { return }
        resolvedAt = now
        isPending = false
        var found: [IPNetwork] = []
        for entries in [own] + files.map(\.entries) {
            for name in entries.names {
                switch resolver.addresses(of: name, now: now) {
                case .known(let addresses): found += addresses
                case .pending: isPending = true
                case .unknown: break
                }
            }
        }
        resolved = NetworkSet(found)
    }
}

/// The entries of an ignore list by their kind.
struct IgnoreEntries {
    var networks = NetworkSet()
    /// Of hosts. At most `mostNames`.
    var names: [String] = []
    /// All that are neither addresses nor networks, names among them: who failed may be called so.
    var texts: Set<String> = []

    static let mostNames = 500

    init() {}

    init(_ entries: [String]) {
        var found: [IPNetwork] = []
        for entry in entries where !entry.isEmpty {
            if let network = IPNetwork(entry) {
                found.append(network)
            } else if texts.insert(entry).inserted, Self.isName(entry), names.count < Self.mostNames {
                names.append(entry)
            }
        }
        networks = NetworkSet(found)
    }

    /// Has only what names of hosts have, and a letter, so that a malformed address is none.
    private static func isName(_ text: String) -> Bool {
        text.utf8.count <= 253 && text.utf8.contains(where: ASCII.isLetter)
            && text.utf8.allSatisfy { ASCII.isWord($0) || $0 == 0x2d || $0 == 0x2e }
    }
}
