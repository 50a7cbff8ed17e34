/// Reads a mapping whose keys are known: each getter returns nil where the key is absent, null or wrong (and then
/// reported), so that a default is written behind `??`.
///
///     maxAge = reader.duration("max_age") ?? maxAge
package final class MappingReader {
    /// The mapping itself.
    package let value: ValueReader
    private let entries: [String: YAMLNode.Entry]
    private let order: [YAMLNode.Entry]
    private let keys: [ConfigurationKey]
    private var asked: Set<String> = []
    /// What the mapping is of, for people who read that a key is refused: `receiver "team": `.
    package var subject = ""

    init(_ value: ValueReader, entries: [YAMLNode.Entry], keys: [ConfigurationKey]) {
        self.value = value
        order = entries
        self.entries = Dictionary(entries.map { ($0.key, $0) }, uniquingKeysWith: { first, _ in first })
        self.keys = keys
    }

    package var context: ReadingContext { value.context }
    package var position: SourcePosition { value.position }

    /// Whether the key is there, be it null.
    package func has(_ key: String) -> Bool { entry(key) != nil }

    /// The keys that are there and that nobody knows.
    package var unknownKeys: [String] {
        order.map(\.key).filter { key in !keys.contains { $0.name == key } }
    }

    /// Where the key stands; the mapping itself if it is absent.
    package func position(of key: String) -> SourcePosition { entries[key]?.keyPosition ?? position }

    /// Reports a problem of a key, or of the mapping where that is absent.
    package func report(_ message: String, at key: String? = nil) {
        context.report(message, at: key.map { position(of: $0) } ?? position)
    }

    package func warn(_ message: String, at key: String) { context.warn(message, at: position(of: key)) }

    private func entry(_ key: String) -> YAMLNode.Entry? {
        assert(keys.contains { $0.name == key }, "\(key) is read but not in the section's table of keys")
        asked.insert(key)
        return entries[key]
    }

    /// The value as it stands, null included.
    package func valueOrNull(_ key: String) -> ValueReader? {
        entry(key).map { ValueReader(node: $0.value, name: key, context: context) }
    }

    /// The value, nil where it is absent or null.
    package func value(_ key: String) -> ValueReader? {
        guard let value = valueOrNull(key), !value.node.isNull else { return nil }
        return value
    }

    /// The value, reported where it is absent or null.
    package func requiredValue(_ key: String) -> ValueReader? {
        if let value = value(key) { return value }
        let type = keys.first { $0.name == key }?.type ?? "value"
        report("\(key) is missing: expected \(type)", at: has(key) ? key : nil)
        return nil
    }

    /// Reports what nobody knows, and says what is ignored or refused. Called once, after all is read.
    package func finish() {
        for entry in order {
            guard let key = keys.first(where: { $0.name == entry.key }) else {
                let supported = keys.filter { $0.support == .full }.map(\.name)
                let hint: String
                if let nearest = NearestKey.of(entry.key, among: supported) {
                    hint = "did you mean \(nearest)?"
                } else {
                    hint = "known here: \(supported.joined(separator: ", "))"
                }
                context.report("unknown key \"\(entry.key)\"; \(hint)", at: entry.keyPosition)
                continue
            }
            switch key.support {
            case .full: assert(asked.contains(key.name), "\(key.name) is in the table of keys but never read")
            case .ignored(let reason): context.warn("\(key.name) is ignored: \(reason)", at: entry.keyPosition)
            case .refused(let reason): context.report("\(subject)\(key.name): \(reason)", at: entry.keyPosition)
            }
        }
    }
}

extension MappingReader {
    package func string(_ key: String, _ expansion: VariableExpansion = .plain) -> String? {
        value(key)?.string(expansion)
    }

    /// Empty, and reported, where it is absent, null, empty or no text.
    package func requiredString(_ key: String) -> String {
        guard let value = requiredValue(key), let text = value.string() else { return "" }
        if text.isEmpty { value.report("expected text, found none") }
        return text
    }

    /// A path; a relative one is seen from the configuration file's directory.
    package func path(_ key: String) -> String? { value(key)?.string().map(context.resolve) }

    package func bool(_ key: String) -> Bool? { value(key)?.bool() }

    package func int(_ key: String, in range: ClosedRange<Int> = 0...Int.max) -> Int? { value(key)?.int(in: range) }

    package func uint64(_ key: String, in range: ClosedRange<UInt64> = 0...UInt64.max) -> UInt64? {
        value(key)?.uint64(in: range)
    }

    package func double(
        _ key: String, in range: ClosedRange<Double> = 0...Double.greatestFiniteMagnitude
    ) -> Double? { value(key)?.double(in: range) }

    /// Seconds; at most a hundred years.
    package func duration(_ key: String, in range: ClosedRange<Double> = 0...100 * 365 * 86400) -> Double? {
        value(key)?.duration(in: range)
    }

    /// Bytes.
    package func byteCount(_ key: String, in range: ClosedRange<Int> = 0...1 << 60) -> Int? {
        value(key)?.byteCount(in: range)
    }

    package func choice<Choice: RawRepresentable & CaseIterable>(
        _ key: String, _ type: Choice.Type = Choice.self
    ) -> Choice? where Choice.RawValue == String { value(key)?.choice(type) }

    package func strings(_ key: String) -> [String]? { value(key)?.strings() }

    package func stringMap(_ key: String) -> [String: String]? { value(key)?.stringMap() }

    /// A section; one written as `key:` or `key: {}` has all defaults.
    package func section<Section: ConfigurationSection>(
        _ key: String, _ type: Section.Type = Section.self
    ) -> Section? { valueOrNull(key)?.section(type) }

    /// A list of sections.
    package func sections<Section: ConfigurationSection>(
        _ key: String, _ type: Section.Type = Section.self
    ) -> [Section]? { value(key)?.items()?.compactMap { $0.section(type) } }
}
