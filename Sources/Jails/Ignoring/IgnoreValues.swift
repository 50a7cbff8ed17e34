import Bytes

/// A command with the values of its tags: those with characters that mean something to a shell are variables of its environment.
struct FilledCommand: Hashable, Sendable {
    var text: String
    var environment: [String: String] = [:]
}

/// What `<ip>` and its like stand for in `ignorecommand` and the key of `ignorecache`, as in an action's commands.
struct IgnoreValues {
    let jail: String
    let target: BanTarget
    let failure: Failure
    let time: Double

    private func value(of tag: String) -> String? {
        let address = target.network ?? (failure.text("ip4") ?? failure.text("ip6")).flatMap { IPNetwork($0) }
        switch tag {
        case "ip": return address?.description ?? target.description
        case "fid": return target.description
        case "family": return address.map { $0.isIPv4 ? "inet4" : "inet6" } ?? ""
        case "ip-rev": return address?.reversedName ?? ""
        case "time": return Int64(exactly: time).map { "\($0)" } ?? "\(time)"
        case "failures": return "1"
        case "matches": return failure.matches.joined(separator: "\n")
        case "jail.name", "name": return jail
        case "br": return "\n"
        case "sp": return " "
        default:
            // A group that took no part is empty.
            guard tag.hasPrefix("F-") else { return nil }
            return failure.text(String(tag.dropFirst(2)).lowercasedASCII) ?? ""
        }
    }

    /// With the values as they are; a tag that is none stays.
    func plain(_ text: String) -> String { replaced(text) { _, value in value } }

    func filled(_ text: String) -> FilledCommand {
        var filled = FilledCommand(text: "")
        filled.text = replaced(text) { tag, value in
            guard value.utf8.contains(where: Self.isSpecial) else { return value }
            let name = "f2bV_" + String(tag.utf8.map { ASCII.isWord($0) ? $0 : 0x5f })
            filled.environment[name] = value.replacing(each: "\0", by: "")
            return "$" + name
        }
        return filled
    }

    /// Those of which fail2ban makes variables.
    private static func isSpecial(_ byte: UInt8) -> Bool {
        byte == 0 || "\\#&;`|*?~<>^()[]{}$'\"\n\r".utf8.contains(byte)
    }

    private func replaced(_ text: String, _ made: (_ tag: String, _ value: String) -> String) -> String {
        let bytes = [UInt8](text)
        var result: [UInt8] = []
        var index = 0
        while index < bytes.count {
            if bytes[index] == 0x3c, let close = bytes[(index + 1)...].firstIndex(of: 0x3e),
                let value = value(of: String(bytes[(index + 1)..<close]))
            {
                result += Array(made(String(bytes[(index + 1)..<close]), value).utf8)
                index = close + 1
            } else {
                result.append(bytes[index])
                index += 1
            }
        }
        return String(result)
    }
}

extension IPNetwork {
    /// As it stands before `in-addr.arpa.` or `ip6.arpa.`: `1.2.0.192.`.
    fileprivate var reversedName: String {
        let bits = isIPv4 ? 8 : 4
        let value = bounds.lowerBound
        var text = ""
        for shift in stride(from: 0, to: width, by: bits) {
            text += String((value >> UInt128(shift)) & (1 << UInt128(bits) - 1), radix: isIPv4 ? 10 : 16) + "."
        }
        return text
    }
}
