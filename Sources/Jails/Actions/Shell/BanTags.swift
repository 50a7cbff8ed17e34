import Bytes

/// The tags of an action's command that a ban gives, named and written as fail2ban 1.0.2 has them (`server/actions.py`, `ActionInfo`).
struct BanTags {
    let ban: Ban
    let facts: ActionFacts
    /// In place of the ban's own; for commands that concern a family of addresses and no ban.
    var familyName: String?

    var tags: ShellTags { ShellTags(value: value, fixed: { Self.general($0, facts) }, captured: captured) }

    /// `inet4`, `inet6`, or nothing where what is banned is no address.
    var family: String { familyName ?? address.map { $0.isIPv4 ? "inet4" : "inet6" } ?? "" }

    /// Where the banned is not named by its address, the address it had.
    private var addressText: String {
        if let id = ban.groups["fid"], let ip = ban.groups["ip4"] ?? ban.groups["ip6"], ip != id {
            return BanTarget(ip).description
        }
        return ban.target.description
    }

    private var address: IPNetwork? { BanTarget(addressText).network }

    private func value(_ tag: String) -> String? {
        switch tag {
        case "ip": addressText
        // As Python writes that there is none.
        case "family": familyName ?? (family.isEmpty ? "None" : family)
        case "ip-rev": reversed
        case "ip-host": facts.nameOf(addressText) ?? "None"
        case "fid": ban.target.description
        case "failures": String(ban.failures)
        case "time": Self.number(ban.time)
        case "bantime": Self.number(ban.duration.rounded(.towardZero))
        case "bancount": String(ban.count)
        case "matches": ban.matches.joined(separator: "\n")
        case "restored": ban.isRestored ? "1" : "0"
        case "ipmatches": merged(allJails: true).matches.joined(separator: "\n")
        case "ipjailmatches": merged(allJails: false).matches.joined(separator: "\n")
        case "ipfailures": String(merged(allJails: true).failures)
        case "ipjailfailures": String(merged(allJails: false).failures)
        case "raw-ticket": rawTicket
        case "jail.name": ban.jail
        case "jail.banned": String(facts.counts().banned)
        case "jail.banned_total": String(facts.counts().bannedTotal)
        case "jail.found": String(facts.counts().found)
        case "jail.found_total": String(facts.counts().foundTotal)
        default: nil
        }
    }

    /// Tags that need no ban.
    static func general(_ tag: String, _ facts: ActionFacts) -> String? {
        switch tag {
        case "br": "\n"
        case "sp": " "
        case "fq-hostname": facts.hostName(true)
        case "sh-hostname": facts.hostName(false)
        default: nil
        }
    }

    private func captured(_ name: String) -> String? {
        switch name {
        case "matches": PythonText.list(ban.matches)
        case "failures": String(ban.failures)
        default: ban.groups[name]
        }
    }

    private func merged(allJails: Bool) -> ActionFacts.Merged {
        facts.merged(ban.target, allJails) ?? .init(matches: ban.matches, failures: ban.failures)
    }

    /// For names in the DNS, with a dot at the end.
    private var reversed: String {
        guard let address else { return "" }
        if address.isIPv4 {
            return addressText.split(separator: "." as Character).reversed().joined(separator: ".") + "."
        }
        func digits(_ half: UInt64) -> String {
            let text = String(half, radix: 16)
            return String(repeating: "0", count: 16 - text.utf8.count) + text
        }
        return (digits(address.high) + digits(address.low)).utf8.reversed().map { String([$0]) }
            .joined(separator: ".") + "."
    }

    private var rawTicket: String {
        "BanTicket: ip=\(ban.target) time=\(Self.number(ban.time)) bantime=\(Self.number(ban.duration))"
            + " bancount=\(ban.count) #attempts=\(ban.failures) matches=\(PythonText.list(ban.matches))"
    }

    private static func number(_ value: Double) -> String {
        Int64(exactly: value).map { String($0) } ?? value.description
    }
}

/// Text as Python's `repr` writes it.
enum PythonText {
    static func list(_ items: [String]) -> String { "[" + items.map(quoted).joined(separator: ", ") + "]" }

    static func quoted(_ text: String) -> String {
        let quote: Unicode.Scalar = text.utf8.contains(0x27) && !text.utf8.contains(0x22) ? "\"" : "'"
        var result = String(Character(quote))
        for scalar in text.unicodeScalars {
            switch scalar {
            case quote, "\\": result += "\\" + String(Character(scalar))
            case "\n": result += "\\n"
            case "\r": result += "\\r"
            case "\t": result += "\\t"
            default:
                if isPrintable(scalar) {
                    result.unicodeScalars.append(scalar)
                } else {
                    let digits = String(scalar.value, radix: 16)
                    let (prefix, width) =
                        scalar.value < 0x100 ? ("\\x", 2) : scalar.value < 0x10000 ? ("\\u", 4) : ("\\U", 8)
                    result += prefix + String(repeating: "0", count: width - digits.utf8.count) + digits
                }
            }
        }
        result.unicodeScalars.append(quote)
        return result
    }

    private static func isPrintable(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator: false
        case .spaceSeparator: scalar == " "
        default: true
        }
    }
}
