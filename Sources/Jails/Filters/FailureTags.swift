/// What fail2ban's tags in patterns stand for: `<HOST>`, `<ADDR>`, `<F-USER>…</F-USER>`, `<SKIPLINES>`.
enum FailureTags {
    private static let ip4 = #"(?:::f{4,6}:)?(?P<ip4>(?:\d{1,3}\.){3}\d{1,3})"#
    private static let ip6 = #"(?P<ip6>(?:[0-9a-fA-F]{1,4}::?|:){1,7}(?:[0-9a-fA-F]{1,4}|(?<=:):))"#
    private static let dns = #"(?P<dns>[\w\-.^_]*\w)"#
    private static let cidr = #"(?P<cidr>\d+)"#
    private static let address = #"\[?(?:\#(ip4)|\#(ip6))\]?"#

    private static func fixed(_ tag: String, _ usesDNS: Bool) -> String? {
        switch tag {
        case "HOST": usesDNS ? "(?:\(address)|\(dns))" : address
        case "ADDR": address
        case "IP4", "F-IP4/": ip4
        case "IP6", "F-IP6/": ip6
        case "DNS", "F-DNS/": dns
        case "CIDR", "F-CIDR/": cidr
        case "SUBNET": #"\[?(?:\#(ip4)|\#(ip6))(?:/\#(cidr))?\]?"#
        case "F-ADDR/": address
        case "F-HOST/": "(?:\(address)|\(dns))"
        case "F-ID/": #"(?P<fid>\S+)"#
        case "F-PORT/": #"(?P<fport>\w+)"#
        default: nil
        }
    }

    /// - Parameter usesDNS: `<HOST>` may be a name, too.
    static func expand(_ pattern: String, usesDNS: Bool) -> String {
        let bytes = [UInt8](pattern)
        var result: [UInt8] = []
        var open: Set<String> = []
        var skips = 0
        var index = 0
        while index < bytes.count {
            guard bytes[index] == 0x3c, let end = endOfTag(bytes, index) else {
                result.append(bytes[index])
                index += 1
                continue
            }
            let tag = String(bytes[(index + 1)..<(end - 1)])
            if let text = fixed(tag, usesDNS) {
                result += [UInt8](text)
            } else if tag == "SKIPLINES" {
                result += [UInt8]("\\n(?P<skiplines\(skips)>(?:(?:.*\\n)*?))")
                skips += 1
            } else if let name = groupName(tag, prefix: "F-") {
                open.insert(name)
                result += [UInt8]("(?P<\(name)>")
            } else if let name = groupName(tag, prefix: "/F-"), open.contains(name) {
                result.append(0x29)
            } else {
                result += bytes[index..<end]
            }
            index = end
        }
        return String(localFlags(result))
    }

    /// Behind the `>` of `</?[\w-]+/?>`.
    private static func endOfTag(_ bytes: [UInt8], _ start: Int) -> Int? {
        var index = start + 1
        if index < bytes.count, bytes[index] == 0x2f { index += 1 }
        let first = index
        while index < bytes.count, ASCII.isWord(bytes[index]) || bytes[index] == 0x2d { index += 1 }
        guard index > first else { return nil }
        if index < bytes.count, bytes[index] == 0x2f { index += 1 }
        return index < bytes.count && bytes[index] == 0x3e ? index + 1 : nil
    }

    private static func groupName(_ tag: String, prefix: String) -> String? {
        guard tag.hasPrefix(prefix) else { return nil }
        let name = tag.utf8.dropFirst(prefix.utf8.count)
        guard !name.isEmpty, name.allSatisfy({ (0x41...0x5a).contains($0) || ASCII.isDigit($0) || $0 == 0x5f }) else {
            return nil
        }
        return self.groupName(of: String(name).lowercasedASCII)
    }

    /// The group of a field.
    static func groupName(of field: String) -> String {
        switch field {
        case "id": "fid"
        case "port": "fport"
        default: field
        }
    }

    /// `((?i)X)` and `(?:(?i)X)` become `(?i:X)`: newer Pythons take flags for the whole only at the very beginning.
    private static func localFlags(_ bytes: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        var index = 0
        while index < bytes.count {
            if bytes[index] == 0x5c, index + 1 < bytes.count {
                result += bytes[index...(index + 1)]
                index += 2
                continue
            }
            if bytes[index] == 0x28 {
                var flag = index + 1
                if bytes[flag...].starts(with: [0x3f, 0x3a]) { flag += 2 }
                if bytes[flag...].starts(with: [0x28, 0x3f]) {
                    var end = flag + 2
                    while end < bytes.count, (0x61...0x7a).contains(bytes[end]) { end += 1 }
                    if end > flag + 2, end < bytes.count, bytes[end] == 0x29 {
                        result += bytes[flag..<end] + [0x3a]
                        index = end + 1
                        continue
                    }
                }
            }
            result.append(bytes[index])
            index += 1
        }
        return result
    }
}
