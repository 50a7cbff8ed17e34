import Configuration

/// How a jail reads lines that are JSON objects: which member says who, and which lines are failures.
package struct JSONRule: Sendable, Equatable, ConfigurationSection {
    /// One kind of line that counts.
    struct Case: Sendable, Equatable {
        var conditions: [FieldCondition]
        var score = 1
    }

    /// Paths of which the first that is there says who.
    var addresses: [String] = []
    var user: String?
    var time: String?
    /// All of these hold for every line that counts.
    var conditions: [FieldCondition] = []
    /// Of these one must, where there are any.
    var cases: [Case] = []

    /// Different fields that one rule can ask for.
    static let mostFields = 32

    package static let configurationKeys = [
        ConfigurationKey(
            "address", "path or list of paths",
            "The field with the address; of several, the first that a line has. A port behind the address is left out."),
        ConfigurationKey("user", "path", "The field with the user's name."),
        ConfigurationKey(
            "time", "path", "The field with the time, as a date or seconds, milli-, micro- or nanoseconds since 1970."),
        ConfigurationKey(
            "when", "mapping of paths to conditions", "What a line must meet to be a failure: see below the tables."),
        ConfigurationKey(
            "cases", "list of {when, score}",
            "Kinds of failures: a line must meet one of them as well, and counts for the score of the first it meets."),
    ]

    private static let caseKeys = [
        ConfigurationKey("when", "mapping of paths to conditions", "What a line must meet."),
        ConfigurationKey("score", "integer", default: "1", "For how many failures it counts."),
    ]

    package init(_ reader: MappingReader) {
        if let value = reader.requiredValue("address") {
            if case .sequence = value.node.content {
                addresses = value.strings() ?? []
                if addresses.isEmpty { value.report("expected at least one path") }
            } else if let path = value.string() {
                addresses = [path]
            }
        }
        user = reader.string("user")
        time = reader.string("time")
        conditions = Self.conditions(reader.value("when"))
        for item in reader.value("cases")?.items() ?? [] {
            guard let inner = item.mapping(Self.caseKeys) else { continue }
            cases.append(
                Case(
                    conditions: Self.conditions(inner.requiredValue("when")),
                    score: inner.int("score", in: 1...NativeJail.mostRetries) ?? 1))
            inner.finish()
        }
        if conditions.isEmpty, cases.isEmpty, !reader.has("when"), !reader.has("cases") {
            reader.report("expected when or cases: without them every line would be a failure")
        }
        if paths.count > Self.mostFields {
            reader.report("expected at most \(Self.mostFields) different fields, found \(paths.count)")
        }
        if paths.contains("") { reader.report("expected names of fields, found an empty one") }
        reader.finish()
    }

    private static func conditions(_ value: ValueReader?) -> [FieldCondition] {
        guard let value, let entries = value.entries() else { return [] }
        if entries.isEmpty { value.report("expected at least one field and what it must be") }
        return entries.compactMap { FieldCondition.read($0.key, $0.value) }
    }

    /// All fields that it asks for, each once.
    var paths: [String] {
        var paths: [String] = []
        let all =
            addresses + [user, time].compactMap(\.self) + conditions.map(\.path)
            + cases.flatMap { $0.conditions.map(\.path) }
        for path in all where !paths.contains(path) { paths.append(path) }
        return paths
    }
}
