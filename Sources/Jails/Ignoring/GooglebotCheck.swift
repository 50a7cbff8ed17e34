import Bytes

/// What fail2ban's `filter.d/ignorecommands/apache-fakegooglebot` finds out, for hosts on which it cannot run: it needs fail2ban's own Python. Its
/// jail bans at the first failure, so that without an answer the true Googlebot would be banned.
enum GooglebotCheck {
    private static let script = "/ignorecommands/apache-fakegooglebot"

    /// Whether the command is that script, about the address.
    static func isMeant(by command: String) -> Bool {
        let words: [String] = command.utf8.split(whereSeparator: ASCII.isSpace).map { String($0) }
        return words.count >= 2 && words[0].hasSuffix(script) && words[1] == "<ip>"
    }

    /// The name of the address is Google's, and that name has the address. Waits for the DNS.
    static func isGoogle(
        _ address: IPNetwork, nameOf: (String) -> String?, addressesOf: (String) -> [IPNetwork]
    ) -> Bool {
        guard address.isAddress, let name = nameOf(address.description)?.lowercasedASCII,
            name.hasSuffix(".google.com") || name.hasSuffix(".googlebot.com")
        else { return false }
        return addressesOf(name).contains(address)
    }
}
