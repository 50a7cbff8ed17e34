/// One value of the file, read as what is expected there.
///
/// Every getter returns nil for a value that is wrong, having reported it, so that reading can go on.
package struct ValueReader {
    package let node: YAMLNode
    /// The key or place the value stands at, for messages: `max_age`, `matches[2]`.
    package let name: String
    package let context: ReadingContext

    package init(node: YAMLNode, name: String, context: ReadingContext) {
        self.node = node
        self.name = name
        self.context = context
    }

    package var position: SourcePosition { node.position }

    /// Reports a problem of the value: what was expected and what was found.
    package func report(_ message: String) { context.report("\(name): \(message)", at: position) }

    private func reportExpected(_ expected: String) {
        report("expected \(expected), found \(node.summary)")
    }

    /// Text with its variables filled in.
    package func string(_ expansion: VariableExpansion = .plain) -> String? { scalar(expansion)?.text }

    /// Text as it is written: `$` has no meaning of its own in it.
    package func literal() -> String? {
        guard case .scalar(let text, _) = node.content else {
            reportExpected("text")
            return nil
        }
        return text
    }

    private func scalar(
        _ expansion: VariableExpansion = .plain, expected: String = "text"
    ) -> (text: String, isPlain: Bool)? {
        guard case .scalar(let text, let isPlain) = node.content else {
            reportExpected(expected)
            return nil
        }
        switch expansion.expand(text, context.surroundings.variable) {
        case .success(let expanded):
            // A quoted variable may stand for a number or a truth value.
            return (expanded, isPlain || expanded != text)
        case .failure(let failure):
            report(failure.description)
            return nil
        }
    }

    /// `true` or `false`; YAML 1.1's `yes`, `no`, `on` and `off` are taken too.
    package func bool() -> Bool? {
        guard let (text, isPlain) = scalar(expected: "true or false") else { return nil }
        if isPlain {
            switch text {
            case "true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON": return true
            case "false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF": return false
            default: break
            }
        }
        reportExpected("true or false")
        return nil
    }

    package func int(in range: ClosedRange<Int>) -> Int? {
        let expected = "a whole number from \(range.lowerBound) to \(range.upperBound)"
        guard let (text, isPlain) = scalar(expected: expected) else { return nil }
        guard isPlain, let value = Int(text), range.contains(value) else {
            reportExpected(expected)
            return nil
        }
        return value
    }

    package func uint64(in range: ClosedRange<UInt64>) -> UInt64? {
        let expected = "a whole number from \(range.lowerBound) to \(range.upperBound)"
        guard let (text, isPlain) = scalar(expected: expected) else { return nil }
        guard isPlain, let value = UInt64(text), range.contains(value) else {
            reportExpected(expected)
            return nil
        }
        return value
    }

    package func double(in range: ClosedRange<Double>) -> Double? {
        let expected = "a number from \(range.lowerBound) to \(range.upperBound)"
        guard let (text, isPlain) = scalar(expected: expected) else { return nil }
        guard isPlain, let value = Double(text), range.contains(value) else {
            reportExpected(expected)
            return nil
        }
        return value
    }

    /// Seconds, from a duration with its unit.
    package func duration(in range: ClosedRange<Double>) -> Double? {
        let expected = "a duration such as 1h30m, 7d or 500ms"
        guard let (text, _) = scalar(expected: expected) else { return nil }
        guard let seconds = DurationText.seconds(text) else {
            let isNumber = Double(text) != nil
            reportExpected(isNumber ? "a duration with its unit, such as \(text)s" : expected)
            return nil
        }
        guard range.contains(seconds) else {
            let (least, most) = (DurationText.text(range.lowerBound), DurationText.text(range.upperBound))
            reportExpected("a duration from \(least) to \(most)")
            return nil
        }
        return seconds
    }

    /// Bytes, from a size with or without a unit.
    package func byteCount(in range: ClosedRange<Int>) -> Int? {
        let expected = "a size such as 256KB, 1GiB or 1048576"
        guard let (text, _) = scalar(expected: expected) else { return nil }
        guard let bytes = ByteCountText.bytes(text) else {
            reportExpected(expected)
            return nil
        }
        guard range.contains(bytes) else {
            let (least, most) = (ByteCountText.text(range.lowerBound), ByteCountText.text(range.upperBound))
            reportExpected("a size from \(least) to \(most)")
            return nil
        }
        return bytes
    }

    /// One of an enumeration's raw values.
    package func choice<Choice: RawRepresentable & CaseIterable>(
        _ type: Choice.Type = Choice.self
    ) -> Choice? where Choice.RawValue == String {
        let names = Choice.allCases.map(\.rawValue)
        let expected = "one of \(names.joined(separator: ", "))"
        guard let (text, _) = scalar(expected: expected) else { return nil }
        if let choice = Choice(rawValue: text) { return choice }
        let nearest = NearestKey.of(text, among: names).map { "; did you mean \($0)?" } ?? ""
        report("expected \(expected), found \(node.summary)\(nearest)")
        return nil
    }

    /// The items of a list, each named by its place.
    package func items() -> [ValueReader]? {
        guard case .sequence(let items) = node.content else {
            reportExpected("a list")
            return nil
        }
        return items.enumerated().map { index, item in
            ValueReader(node: item, name: "\(name)[\(index)]", context: context)
        }
    }

    /// A list of texts; a null item is an error.
    package func strings() -> [String]? {
        items()?.compactMap { item in
            guard !item.node.isNull else {
                item.reportExpected("text")
                return nil
            }
            return item.string()
        }
    }

    /// The values of a mapping with free keys, in the order of the file.
    package func entries() -> [(key: String, keyPosition: SourcePosition, value: ValueReader)]? {
        if node.isNull { return [] }
        guard case .mapping(let entries) = node.content else {
            reportExpected("a mapping of names to values")
            return nil
        }
        return entries.map {
            ($0.key, $0.keyPosition, ValueReader(node: $0.value, name: "\(name).\($0.key)", context: context))
        }
    }

    /// A mapping of names to texts; a null value is an empty text.
    package func stringMap() -> [String: String]? {
        guard let entries = entries() else { return nil }
        var map: [String: String] = [:]
        for entry in entries { map[entry.key] = entry.value.node.isNull ? "" : entry.value.string() }
        return map
    }

    /// A section; null is one with all defaults.
    package func section<Section: ConfigurationSection>(_ type: Section.Type = Section.self) -> Section? {
        guard let reader = mapping(Section.configurationKeys) else { return nil }
        let section = Section(reader)
        reader.finish()
        return section
    }

    /// A mapping with these keys. The caller calls `finish` when it has read all of them.
    package func mapping(_ keys: [ConfigurationKey]) -> MappingReader? {
        if node.isNull { return MappingReader(self, entries: [], keys: keys) }
        guard case .mapping(let entries) = node.content else {
            reportExpected("a mapping of \(keys.prefix(4).map(\.name).joined(separator: ", ")) and so on")
            return nil
        }
        return MappingReader(self, entries: entries, keys: keys)
    }
}
