import Configuration

/// A pattern of a native jail made into one that `Filter` takes.
///
/// It is a regular expression in which `<ip>`, `<user>`, `<id>` and `<port>` stand for what a log has there, `(?<name>…)` is a
/// group with a name, and `^` is the beginning of the message: behind the date, and behind the syslog prefix of `programs`.
enum NativePattern {
    static let shortForms: [(name: String, regex: String)] = [
        ("ip", "<ADDR>"), ("user", "(?P<user>.*?)"), ("id", "(?P<fid>\\S+)"), ("port", "(?P<fport>\\d{1,5})"),
    ]

    /// - Parameter programs: of which the lines are, where they come with `host program[pid]: ` before the message.
    static func translate(_ pattern: String, programs: [String]) throws(PatternError) -> String {
        let bytes = [UInt8](pattern)
        var result: [UInt8] = []
        var index = 0
        if bytes.first == 0x5e {
            index = 1
            result += [UInt8]("^\\s*+" + prefix(programs) + "(?:")
        }
        var isInClass = false
        while index < bytes.count {
            let byte = bytes[index]
            switch byte {
            case 0x5c:
                result += bytes[index..<min(index + 2, bytes.count)]
                index += 2
                continue
            case 0x5b where !isInClass:
                isInClass = true
                result.append(byte)
                index += 1
                // A bracket that comes first closes nothing.
                if index < bytes.count, bytes[index] == 0x5e {
                    result.append(0x5e)
                    index += 1
                }
                if index < bytes.count, bytes[index] == 0x5d {
                    result.append(0x5d)
                    index += 1
                }
                continue
            case 0x5d: isInClass = false
            case 0x28 where !isInClass && bytes[index...].starts(with: "(?<".utf8):
                let next = index + 3 < bytes.count ? bytes[index + 3] : 0
                // Not of a lookbehind.
                if ASCII.isLetter(next) {
                    result += [UInt8]("(?P<")
                    index += 3
                    continue
                }
            case 0x3c where !isInClass && !result.hasGroupOpening:
                if let (form, end) = try shortForm(bytes, index) {
                    result += [UInt8](form)
                    index = end
                    continue
                }
            default: break
            }
            result.append(byte)
            index += 1
        }
        if bytes.first == 0x5e { result.append(0x29) }
        return String(result)
    }

    private static func prefix(_ programs: [String]) -> String {
        guard !programs.isEmpty else { return "" }
        if programs.contains(anyProgram) { return "(?:(?:\\S+ )?[^\\s\\[\\]:]+\\[\\d+\\]: \\s*+)?" }
        let names = programs.map { escaped($0) }.joined(separator: "|")
        return "(?:(?:\\S+ )?(?:\(names))(?:\\[\\d+\\])?: \\s*+)?"
    }

    /// Any, but with its number.
    static let anyProgram = "*"

    /// As a regular expression that matches this text.
    static func escaped(_ text: String) -> String {
        String(text.utf8.flatMap { ASCII.isWord($0) || $0 >= 0x80 ? [$0] : [0x5c, $0] })
    }

    /// A tag of small letters and what it stands for; nil where `<` is just that, or begins one of fail2ban's tags.
    private static func shortForm(_ bytes: [UInt8], _ start: Int) throws(PatternError) -> (String, Int)? {
        var end = start + 1
        while end < bytes.count, (0x61...0x7a).contains(bytes[end]) || bytes[end] == 0x5f { end += 1 }
        guard end > start + 1, end < bytes.count, bytes[end] == 0x3e else { return nil }
        let name = String(bytes[(start + 1)..<end])
        if let form = shortForms.first(where: { $0.name == name }) { return (form.regex, end + 1) }
        let names = shortForms.map(\.name)
        let hint =
            NearestKey.of(name, among: names).map { "did you mean <\($0)>?" }
            ?? "known are \(names.map { "<\($0)>" }.joined(separator: ", "))"
        throw PatternError(
            pattern: String(bytes), offset: start,
            reason: "<\(name)> stands for nothing; \(hint) The text itself is written \\<\(name)>")
    }
}

extension [UInt8] {
    /// Whether it ends inside `(?P` or `(?`, where `<` begins a name.
    fileprivate var hasGroupOpening: Bool { hasSuffix("(?P") || hasSuffix("(?") }

    private func hasSuffix(_ text: StaticString) -> Bool {
        count >= text.utf8CodeUnitCount
            && self[(count - text.utf8CodeUnitCount)...].elementsEqual(
                UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }
}
