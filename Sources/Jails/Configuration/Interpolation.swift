/// `%(name)s` as Python's `BasicInterpolation` has it, with fail2ban's `%(section/name)s`, `%(known/name)s`, `%(default/name)s` and
/// `%(__name__)s`.
extension ConfigurationLayers {
    static let deepestInterpolation = 10
    /// A value that doubles itself ten times over is no pattern any more.
    static let longestValue = 1 << 20

    /// The value of an option with everything in it interpolated; nil where neither the section nor `[DEFAULT]` has it.
    ///
    /// - Parameter variables: what is not the section's own.
    func value(
        of option: String, in section: String, variables: InterpolationVariables = InterpolationVariables()
    ) throws(JailConfigurationError) -> String? {
        let name = option.lowercasedASCII
        guard let value = raw(name, in: section, variables) else { return nil }
        return try interpolate(value, section, variables, depth: 1)
    }

    /// What stands in the file.
    func raw(_ name: String, in section: String, _ variables: InterpolationVariables) -> Value? {
        if let text = variables.first[name] { return Value(text: text, file: stem + ".conf", line: 0) }
        return sections[section]?[name] ?? defaults[name]
    }

    private func interpolate(
        _ value: Value, _ section: String, _ variables: InterpolationVariables, depth: Int
    ) throws(JailConfigurationError) -> String {
        let bytes = [UInt8](value.text)
        guard bytes.contains(0x25) else { return value.text }
        var result: [UInt8] = []
        var index = 0
        func error(_ message: String) -> JailConfigurationError {
            JailConfigurationError(file: value.file, line: value.line, message: message)
        }
        while index < bytes.count {
            guard bytes[index] == 0x25 else {
                result.append(bytes[index])
                index += 1
                continue
            }
            switch index + 1 < bytes.count ? bytes[index + 1] : 0 {
            case 0x25:
                result.append(0x25)
                index += 2
            case 0x28:
                guard let end = bytes[index...].firstIndex(of: 0x29), end + 1 < bytes.count, bytes[end + 1] == 0x73,
                    end > index + 2
                else { throw error("expected %(name)s, found \"\(String(bytes[index...].prefix(40)))\"") }
                let name = String(bytes[(index + 2)..<end])
                guard depth <= Self.deepestInterpolation else {
                    throw error(
                        "%(\(name))s is interpolated more than \(Self.deepestInterpolation) deep: does it contain itself?"
                    )
                }
                if name == "__name__" {
                    result += [UInt8](section)
                } else {
                    guard let found = reference(name, section, variables) else {
                        throw error("%(\(name))s is defined nowhere")
                    }
                    result += [UInt8](try interpolate(found, section, variables, depth: depth + 1))
                }
                guard result.count <= Self.longestValue else {
                    throw error("longer than \(Self.longestValue) bytes once interpolated")
                }
                index = end + 2
            default: throw error("expected %% or %(name)s, found \"\(String(bytes[index...].prefix(20)))\"")
            }
        }
        return String(result)
    }

    /// The names, in small letters, that `%(known/name)s` asks for anywhere in the files.
    var namesAskedAsKnown: Set<String> {
        var names: Set<String> = []
        let mark = [UInt8]("%(known/".utf8)
        for value in sections.values.flatMap(\.values) + defaults.values where value.text.utf8.contains(0x25) {
            let bytes = [UInt8](value.text.lowercasedASCII)
            for index in bytes.indices where bytes[index...].starts(with: mark) {
                names.insert(String(bytes[(index + mark.count)...].prefix { $0 != 0x29 }))
            }
        }
        return names
    }

    private func reference(_ name: String, _ section: String, _ variables: InterpolationVariables) -> Value? {
        if let value = raw(name.lowercasedASCII, in: section, variables) { return value }
        guard let slash = name.utf8.firstIndex(of: 0x2f) else {
            return variables.last[name.lowercasedASCII].map { Value(text: $0, file: stem + ".conf", line: 0) }
        }
        let other = String(name[..<slash])
        let option = String(name[name.utf8.index(after: slash)...]).lowercasedASCII
        switch other.lowercasedASCII {
        case "known": return known[section]?[option] ?? defaults[option]
        case "default": return defaults[option]
        default: return sections[other]?[option] ?? (sections[other] == nil ? nil : defaults[option])
        }
    }
}

/// Values for `%(name)s` beside a section's own; names in small letters.
struct InterpolationVariables {
    /// Come before the section's.
    var first: [String: String] = [:]
    /// Serve where neither the section nor `[DEFAULT]` has the name.
    var last: [String: String] = [:]
}
