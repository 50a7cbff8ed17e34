/// `<tag>` within options of filters and actions: innermost first, so that `<mdre-<mode>>` works, and what is not defined stays, as
/// `<HOST>` and `<ip>` do.
struct TagSubstitution {
    /// What a tag stands for; nil leaves it.
    let lookUp: (String) throws(JailConfigurationError) -> String?
    let file: String

    /// How often one tag is replaced in one value.
    static let mostRepeats = 25

    func apply(to text: String, of option: String) throws(JailConfigurationError) -> String {
        var bytes = [UInt8](text)
        var counts: [String: Int] = [:]
        var isChanged = true
        while isChanged {
            isChanged = false
            var from = 0
            while let range = Self.tag(in: bytes, from: from) {
                let name = String(bytes[(range.lowerBound + 1)..<(range.upperBound - 1)])
                // A filter's option that stands for itself ends nowhere.
                guard let replacement = try lookUp(name) else {
                    from = range.upperBound
                    continue
                }
                let count = counts[name, default: 0] + 1
                guard name != option, count <= Self.mostRepeats, bytes.count < ConfigurationLayers.longestValue else {
                    throw JailConfigurationError(file: file, message: "\(option): <\(name)> contains itself")
                }
                counts[name] = count
                bytes = [UInt8](String(bytes).replacing(each: "<\(name)>", by: replacement))
                isChanged = true
                from = min(range.lowerBound, bytes.count)
            }
        }
        return String(bytes)
    }

    /// The next `<…>` without a space or another `<` in it.
    private static func tag(in bytes: [UInt8], from: Int) -> Range<Int>? {
        var start: Int?
        for index in from..<max(from, bytes.count) {
            switch bytes[index] {
            case 0x3c: start = index
            case 0x20: start = nil
            case 0x3e:
                if let begin = start, index > begin + 1 { return begin..<index + 1 }
                start = nil
            default: break
            }
        }
        return nil
    }
}
