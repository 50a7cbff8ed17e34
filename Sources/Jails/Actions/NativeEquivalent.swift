import Glibc

/// What the native firewall does in place of an action of fail2ban's that does nothing but close ports to the banned.
package struct NativeEquivalent: Sendable, Equatable {
    /// Nil for every packet.
    package var ports: PortSelection?
    /// Refuses with an answer instead of dropping.
    package var rejects: Bool

    package init(ports: PortSelection?, rejects: Bool) {
        self.ports = ports
        self.rejects = rejects
    }

    /// Nil where the action is another, does more, such as logging, or names what cannot be told.
    package init?(_ action: ActionDefinition) {
        let name = action.name
        let isFirewall =
            name.hasPrefix("nftables") || name.hasPrefix("iptables") || name.contains("ipset")
            || name.hasPrefix("firewallcmd")
        guard isFirewall, !name.contains("log"), !name.contains("xt_recent"), !name.contains("echo") else { return nil }
        // One that has been rewritten under its old name may do anything.
        let command = action.options["actionban"] ?? ""
        guard ["nft ", "iptables", "ipset", "firewall-cmd"].contains(where: command.contains) else {
            return nil
        }
        let blocktype = (action.options["rich-blocktype"] ?? action.options["blocktype"] ?? "").lowercasedASCII
        if blocktype.contains("reject") {
            rejects = true
        } else if blocktype.contains("drop") {
            rejects = false
        } else {
            return nil
        }
        let protocols = (action.options["protocol"] ?? "tcp").split { $0 == "," || $0.isWhitespace }
        if protocols.contains("all") {
            ports = nil
            return
        }
        guard !protocols.isEmpty, protocols.allSatisfy({ $0 == "tcp" || $0 == "udp" }) else { return nil }
        var selection = PortSelection(
            ranges: [], isTCP: protocols.contains("tcp"), isUDP: protocols.contains("udp"))
        if !name.contains("allports"), action.options["type"] != "allports" {
            guard let ranges = Self.ranges(action.options["port"] ?? "") else { return nil }
            selection.ranges = ranges
        }
        ports = selection
    }

    /// `ssh,80,1000:2000`; nil for an empty list and for what is no port.
    static func ranges(_ text: String) -> [ClosedRange<UInt16>]? {
        var ranges: [ClosedRange<UInt16>] = []
        for word in text.split(whereSeparator: { $0 == "," || $0.isWhitespace }) {
            let ends = word.split(separator: word.first?.isNumber == true && word.contains("-") ? "-" : ":")
            guard let first = ends.first.flatMap({ port(String($0)) }), ends.count <= 2,
                let last = ends.last.flatMap({ port(String($0)) }), first <= last
            else { return nil }
            ranges.append(first...last)
        }
        return ranges.isEmpty ? nil : ranges
    }

    private static func port(_ text: String) -> UInt16? {
        if let number = UInt16(text) { return number }
        var entry = servent()
        var found: UnsafeMutablePointer<servent>?
        var buffer = [CChar](repeating: 0, count: 4096)
        guard getservbyname_r(text, nil, &entry, &buffer, buffer.count, &found) == 0, found != nil else { return nil }
        return UInt16(truncatingIfNeeded: entry.s_port).byteSwapped
    }
}
