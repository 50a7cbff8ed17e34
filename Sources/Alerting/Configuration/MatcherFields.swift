import Configuration
import Telemetry

/// Matchers in a section: as a list of texts, and in the older form of a mapping each for values and regular expressions.
enum MatcherFields {
    /// All of them, in Alertmanager's order.
    static func read(_ reader: MappingReader, list: String, equal: String, regex: String) -> [LabelMatcher] {
        var matchers: [LabelMatcher] = []
        for entry in reader.value(equal)?.entries() ?? [] {
            guard let name = name(entry, reader), let value = text(entry.value) else { continue }
            add(to: &matchers, entry.value) { () throws(MatcherError) in try MatcherSyntax.make(name, .equal, value) }
        }
        for entry in reader.value(regex)?.entries() ?? [] {
            guard let name = name(entry, reader), let pattern = text(entry.value) else { continue }
            // With its anchors, as Alertmanager has it in group keys.
            add(to: &matchers, entry.value) { () throws(MatcherError) in
                try MatcherSyntax.make(name, .matches, "^(?:\(pattern))$")
            }
        }
        return (matchers + Self.list(reader, list)).sorted(by: LabelMatcher.precedes)
    }

    /// Those of a list, in its order.
    static func list(_ reader: MappingReader, _ list: String) -> [LabelMatcher] {
        var matchers: [LabelMatcher] = []
        for item in reader.value(list)?.items() ?? [] {
            guard let text = text(item) else { continue }
            do throws(MatcherError) {
                let result = try MatcherSyntax.matchers(text)
                matchers += result.matchers
                if let warning = result.warning { reader.context.warn("\(item.name): \(warning)", at: item.position) }
            } catch {
                item.report(error.description)
            }
        }
        return matchers
    }

    private static func text(_ value: ValueReader) -> String? { value.node.isNull ? "" : value.literal() }

    private static func name(
        _ entry: (key: String, keyPosition: SourcePosition, value: ValueReader), _ reader: MappingReader
    ) -> String? {
        if LabelSet.isValidName(entry.key) { return entry.key }
        reader.context.report("invalid label name \"\(entry.key)\"", at: entry.keyPosition)
        return nil
    }

    private static func add(
        to matchers: inout [LabelMatcher], _ value: ValueReader, _ make: () throws(MatcherError) -> LabelMatcher
    ) {
        do throws(MatcherError) {
            matchers.append(try make())
        } catch {
            value.report(error.description)
        }
    }
}
