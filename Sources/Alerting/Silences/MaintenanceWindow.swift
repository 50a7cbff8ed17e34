import Bytes
import Configuration
import Telemetry

/// A silence that comes again and again: alerts that meet all matchers are not told of while it is the time.
package struct MaintenanceWindow: Sendable {
    package var name: String
    package var comment: String
    package var matchers: [LabelMatcher]
    package var intervals: [TimeInterval]
    /// What clients know it by: a UUID (RFC 9562, version 8) made of the name, the same after each start.
    package let id: String

    package init(name: String, comment: String = "", matchers: [LabelMatcher], intervals: [TimeInterval]) {
        self.name = name
        self.comment = comment
        self.matchers = matchers
        self.intervals = intervals
        let halves = ["tocsin maintenance ", "tocsin window "].map { Array(($0 + name).utf8).span.bytes.fnv1a }
        id = RandomID.uuid(
            halves.flatMap { half in (0..<8).map { UInt8(truncatingIfNeeded: half >> (56 - 8 * $0)) } }, version: 8)
    }

    /// Times here are milliseconds since 1970.
    package func isInForce(at now: Int64) -> Bool { intervals.contains(time: Self.seconds(now)) }

    /// When it next begins or ends; nil for not within a year.
    package func change(after now: Int64) -> Int64? { intervals.nextChange(after: Self.seconds(now)).map { $0 * 1000 } }

    /// As a silence: the one in force, or the next; nil where none comes within a year.
    package func silence(at now: Int64) -> Silence? {
        let startsAt: Int64
        var endsAt = change(after: now)
        if isInForce(at: now) {
            startsAt = intervals.lastChange(before: Self.seconds(now)).map { $0 * 1000 } ?? now
        } else {
            guard let next = endsAt else { return nil }
            startsAt = next
            endsAt = change(after: next)
        }
        return Silence(
            id: id, matchers: matchers, startsAt: startsAt, endsAt: endsAt ?? startsAt + 366 * 86_400_000,
            updatedAt: startsAt, createdBy: "configuration",
            comment: "maintenance \(name)" + (comment.isEmpty ? "" : ": \(comment)"),
            annotations: ["tocsin_maintenance": name])
    }

    private static func seconds(_ milliseconds: Int64) -> Int64 {
        milliseconds >= 0 ? milliseconds / 1000 : (milliseconds - 999) / 1000
    }
}

extension MaintenanceWindow {
    package static let configurationKeys = [
        ConfigurationKey("name", "string", "What it is called where it is shown; each name once."),
        ConfigurationKey("matchers", "list of strings", "Alerts that are not told of: all have to hold."),
        ConfigurationKey(
            "time_intervals", "list of time intervals or names", "When: intervals, or names of `time_intervals`."),
        ConfigurationKey("comment", "string", "Why, for people."),
    ]

    /// Those of a list; what is wrong is reported. `known` are the time intervals that it may name.
    package static func all(_ value: ValueReader?, known: [String: [TimeInterval]]) -> [MaintenanceWindow] {
        var result: [MaintenanceWindow] = []
        for item in value?.items() ?? [] {
            guard let reader = item.mapping(configurationKeys) else { continue }
            let window = MaintenanceWindow(
                name: reader.requiredString("name"), comment: reader.string("comment") ?? "",
                matchers: MatcherFields.list(reader, "matchers"),
                intervals: intervals(reader, known))
            if result.contains(where: { $0.name == window.name }) {
                reader.report("maintenance \"\(window.name)\" is not unique", at: "name")
            }
            if window.matchers.allSatisfy(\.matchesAbsence) {
                reader.report(
                    "matchers: expected one at least that a missing label does not meet; alertname=~\".+\" meets all alerts",
                    at: reader.has("matchers") ? "matchers" : nil)
            }
            reader.finish()
            result.append(window)
        }
        return result
    }

    private static func intervals(_ reader: MappingReader, _ known: [String: [TimeInterval]]) -> [TimeInterval] {
        var result: [TimeInterval] = []
        let items = reader.value("time_intervals")?.items() ?? []
        for item in items {
            guard case .scalar = item.node.content else {
                if let interval = item.section(TimeInterval.self) { result.append(interval) }
                continue
            }
            guard let name = item.literal() else { continue }
            if let named = known[name] {
                result += named
            } else {
                let hint = NearestKey.of(name, among: known.keys.sorted()).map { "; did you mean \($0)?" } ?? ""
                item.report("undefined time interval \"\(name)\"\(hint)")
            }
        }
        if items.isEmpty {
            reader.report(
                "expected time intervals, found none", at: reader.has("time_intervals") ? "time_intervals" : nil)
        }
        return result
    }
}
