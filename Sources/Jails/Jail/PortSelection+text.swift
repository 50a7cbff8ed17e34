import Bytes

extension PortSelection {
    /// Ports as jails and actions have them: `ssh`, `http,https`, `2222`, `6000:6100`, `22-30`, `0:65535`; and `tcp`, `udp`, `tcp,udp` or
    /// `all`. All ports of all protocols are nil.
    package init?(ports: String, protocols: String) throws(ParameterError) {
        let names = Self.items(protocols).map(\.lowercasedASCII)
        if let unknown = names.first(where: { !["tcp", "udp", "all"].contains($0) }) {
            throw ParameterError(message: "protocol: expected tcp, udp or all, found \"\(unknown)\"")
        }
        let isAll = names.contains("all")
        var ranges: [ClosedRange<UInt16>] = []
        for item in Self.items(ports) { ranges.append(try Self.range(item)) }
        if ranges.contains(where: { $0.lowerBound <= 1 && $0.upperBound == .max }) { ranges = [] }
        if isAll, ranges.isEmpty { return nil }
        let isTCP = isAll || names.contains("tcp") || names.isEmpty
        self.init(ranges: ranges, isTCP: isTCP, isUDP: isAll || names.contains("udp"))
    }

    private static func items(_ text: String) -> [String] {
        text.utf8.split { $0 == 0x2c || ASCII.isSpace($0) }.map { String($0) }
    }

    static func range(_ text: String) throws(ParameterError) -> ClosedRange<UInt16> {
        if let port = port(text) { return port...port }
        // A service may have a hyphen in its name, but no part of such a name is a number.
        let parts = text.utf8.split(maxSplits: 1, omittingEmptySubsequences: false) { $0 == 0x3a || $0 == 0x2d }
        guard parts.count == 2, let first = port(String(parts[0])), let last = port(String(parts[1])) else {
            throw ParameterError(
                message:
                    "port: expected a number to 65535, a range such as 6000:6100 or a service's name, found \"\(text)\""
            )
        }
        guard first <= last else {
            throw ParameterError(message: "port: expected a range that ascends, found \"\(text)\"")
        }
        return first...last
    }

    private static func port(_ text: String) -> UInt16? {
        guard !text.isEmpty else { return nil }
        if text.utf8.allSatisfy(ASCII.isDigit) { return UInt16(text) }
        return ServicePorts.port(of: text) ?? common[text.lowercasedASCII]
    }

    /// For hosts without /etc/services, as small containers are.
    private static let common: [String: UInt16] = [
        "ftp-data": 20, "ftp": 21, "ssh": 22, "telnet": 23, "smtp": 25, "domain": 53, "http": 80, "pop3": 110,
        "imap2": 143,
        "imap": 143, "snmp": 161, "https": 443, "submissions": 465, "smtps": 465, "ssmtp": 465, "urd": 465,
        "submission": 587,
        "ldap": 389, "ldaps": 636, "ftps-data": 989, "ftps": 990, "imaps": 993, "pop3s": 995, "openvpn": 1194,
        "mysql": 3306,
        "sieve": 4190, "sip": 5060, "sip-tls": 5061, "postgresql": 5432, "http-alt": 8080, "webmin": 10000,
    ]
}
