/// A command for `sh -c` with its positional parameters, `$0` first.
package struct ShellScript: Sendable, Equatable {
    package var text: String
    package var parameters: [String] = []
}

/// Fills in the tags of an action's command that are known only when it runs, as fail2ban 1.0.2 does it (`server/action.py`,
/// `replaceDynamicTags`): once, so that a tag within a value stays text, and with a value that a shell might understand
/// handed over as a variable, `$f2bV_` and the tag's name, which gets it from a positional parameter.
struct ShellTags {
    /// `<name>`; nil for no such tag.
    var value: (String) -> String?
    /// `<name>` whose value is ours and stands in the text as it is.
    var fixed: (String) -> String? = { _ in nil }
    /// `<F-NAME>`, by the name in small letters, without `F-`; what is not there is empty.
    var captured: (String) -> String? = { _ in nil }

    /// Bytes of one parameter that the kernel takes (MAX_ARG_STRLEN), with room.
    private static let longest = 100_000

    func script(_ command: String) -> ShellScript {
        var variables: [(name: String, value: String)] = []
        func text(_ tag: String, _ value: String) -> [UInt8] {
            let value = Self.fitting(value)
            guard value.utf8.contains(where: Self.isSpecial) else { return Array(value.utf8) }
            let name = "f2bV_" + String(tag.utf8.map { ASCII.isWord($0) ? $0 : 0x5f })
            if let index = variables.firstIndex(where: { $0.name == name }) {
                variables[index].value = value
            } else {
                variables.append((name, value))
            }
            return [0x24] + Array(name.utf8)
        }
        var bytes = Self.replacing(Array(command.utf8)) { tag in
            value(tag).map { text(tag, $0) } ?? fixed(tag).map { Array($0.utf8) }
        }
        bytes = Self.replacing(bytes) { tag in
            guard tag.utf8.count > 2, tag.hasPrefix("F-"), tag.utf8.allSatisfy(Self.isCaptureName) else { return nil }
            let option = Self.option(tag)
            return captured(option).map { text("F_" + option, $0) } ?? []
        }
        guard !variables.isEmpty else { return ShellScript(text: String(bytes)) }
        var assignments = ""
        for (index, variable) in variables.enumerated() {
            // Beyond nine the shell wants braces, or it takes the first digit alone.
            assignments += "\(variable.name)=\(index < 10 ? "$\(index)" : "${\(index)}") "
        }
        return ShellScript(text: assignments + "\n" + String(bytes), parameters: variables.map(\.value))
    }

    /// Every `<tag>`, a name without spaces and angle brackets, for which there is a replacement; what is put in is not looked at.
    static func replacing(_ bytes: [UInt8], _ replacement: (String) -> [UInt8]?) -> [UInt8] {
        guard bytes.contains(0x3c) else { return bytes }
        var result: [UInt8] = []
        var start: Int?
        for (index, byte) in bytes.enumerated() {
            result.append(byte)
            switch byte {
            case 0x3c: start = index
            case 0x20: start = nil
            case 0x3e:
                if let begin = start, index > begin + 1,
                    let new = replacement(String(bytes[(begin + 1)..<index]))
                {
                    result.removeLast(index - begin + 1)
                    result += new
                }
                start = nil
            default: break
            }
        }
        return result
    }

    /// `F-ID` is the group `fid`, `F-PORT` is `fport`.
    private static func option(_ tag: String) -> String {
        let name = String(tag.dropFirst(2)).lowercasedASCII
        return name == "id" || name == "port" ? "f" + name : name
    }

    private static func isCaptureName(_ byte: UInt8) -> Bool {
        (0x41...0x5a).contains(byte) || ASCII.isDigit(byte) || byte == 0x5f || byte == 0x2d
    }

    private static func isSpecial(_ byte: UInt8) -> Bool {
        ##"\#&;`|*?~<>^()[]{}$'""##.utf8.contains(byte) || byte == 0x0a || byte == 0x0d
    }

    /// No argument can hold a NUL, nor more than the kernel takes: an attacker who writes such is banned all the same.
    private static func fitting(_ value: String) -> String {
        guard value.utf8.count > longest || value.utf8.contains(0) else { return value }
        return String(decoding: value.utf8.prefix(longest).filter { $0 != 0 }, as: UTF8.self)
    }
}
