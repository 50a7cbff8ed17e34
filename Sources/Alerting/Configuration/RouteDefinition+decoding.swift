import Configuration
import Rules
import Telemetry

/// What the routes of a file may name.
struct RouteNames {
    var receivers: Set<String>
    var intervals: Set<String>
}

extension RouteDefinition {
    package static let configurationKeys = [
        ConfigurationKey("receiver", "string", "Who is told; without it the receiver of the route above."),
        ConfigurationKey(
            "group_by", "list of labels",
            "Alerts with the same values of these labels are told together; `['...']` tells each alone."),
        ConfigurationKey(
            "continue", "bool", default: "false", "Whether later routes beside this one are looked at too."),
        ConfigurationKey("matchers", "list of strings", "`severity=\"page\"`, `team=~\"db|web\"`: all have to hold."),
        ConfigurationKey("match", "mapping", "Labels and the values they have to have. Older form of `matchers`."),
        ConfigurationKey("match_re", "mapping", "Labels and regular expressions. Older form of `matchers`."),
        ConfigurationKey("group_wait", "duration", default: "30s", "Before a new group is told of."),
        ConfigurationKey("group_interval", "duration", default: "5m", "Between two tellings of changes in a group."),
        ConfigurationKey(
            "repeat_interval", "duration", default: "4h", "After which a group without changes is told of again."),
        ConfigurationKey("mute_time_intervals", "list of names", "Time intervals in which nobody is told."),
        ConfigurationKey("active_time_intervals", "list of names", "Time intervals outside of which nobody is told."),
        ConfigurationKey("labels", "mapping", "Templates, for receivers' templates; inherited."),
        ConfigurationKey("routes", "list of routes", "Routes below, the first that matches takes the alert."),
    ]

    /// Reads a route with all below it; what is wrong is reported to the reader's context.
    init(_ reader: MappingReader, names: RouteNames, isRoot: Bool) {
        self.init()
        receiver = Self.receiver(reader, names)
        grouping = Self.grouping(reader)
        isContinuing = reader.bool("continue") ?? false
        matchers = MatcherFields.read(reader, list: "matchers", equal: "match", regex: "match_re")
        groupWait = reader.value("group_wait")?.prometheusDuration()
        groupInterval = reader.positiveDuration("group_interval")
        repeatInterval = reader.positiveDuration("repeat_interval")
        muteTimeIntervals = Self.intervals(reader, "mute_time_intervals", names)
        activeTimeIntervals = Self.intervals(reader, "active_time_intervals", names)
        for entry in reader.value("labels")?.entries() ?? [] {
            if entry.key.isEmpty {
                reader.context.report("invalid label name \"\" in route labels", at: entry.keyPosition)
            } else {
                labels.keep(entry.key, entry.value.node.isNull ? "" : entry.value.literal() ?? "")
            }
        }
        for item in reader.value("routes")?.items() ?? [] {
            guard let mapping = item.mapping(Self.configurationKeys) else { continue }
            routes.append(RouteDefinition(mapping, names: names, isRoot: false))
            mapping.finish()
        }
        if isRoot { checkRoot(reader) }
    }

    private func checkRoot(_ reader: MappingReader) {
        if receiver == nil {
            reader.report(
                "root route must specify a default receiver", at: reader.has("receiver") ? "receiver" : nil)
        }
        for key in ["matchers", "match", "match_re"] where reader.has(key) && !matchers.isEmpty {
            reader.report("root route must not have any matchers", at: key)
        }
        if isContinuing { reader.report("cannot have continue in root route", at: "continue") }
        if !muteTimeIntervals.isEmpty {
            reader.report("root route must not have any mute time intervals", at: "mute_time_intervals")
        }
        if !activeTimeIntervals.isEmpty {
            reader.report("root route must not have any active time intervals", at: "active_time_intervals")
        }
    }

    private static func receiver(_ reader: MappingReader, _ names: RouteNames) -> String? {
        guard let value = reader.value("receiver"), let name = value.literal(), !name.isEmpty else { return nil }
        if !names.receivers.contains(name) {
            let hint = NearestKey.of(name, among: names.receivers.sorted()).map { "; did you mean \($0)?" } ?? ""
            value.report("undefined receiver \"\(name)\" used in route\(hint)")
        }
        return name
    }

    private static func grouping(_ reader: MappingReader) -> Grouping? {
        guard let value = reader.value("group_by"), let items = value.items() else { return nil }
        var labels: Set<String> = []
        var isAll = false
        for item in items {
            guard let name = item.node.isNull ? "" : item.literal() else { continue }
            if name == "..." {
                isAll = true
            } else if name.isEmpty {
                item.report("invalid label name \"\" in group_by list")
            } else if !labels.insert(name).inserted {
                item.report("duplicated label \"\(name)\" in group_by")
            }
        }
        if isAll, !labels.isEmpty {
            value.report("cannot have wildcard group_by (`...`) and other labels at the same time")
        }
        return isAll ? .all : .labels(labels)
    }

    private static func intervals(_ reader: MappingReader, _ key: String, _ names: RouteNames) -> [String] {
        var result: [String] = []
        for item in reader.value(key)?.items() ?? [] {
            guard let name = item.node.isNull ? "" : item.literal() else { continue }
            if !names.intervals.contains(name) {
                let hint = NearestKey.of(name, among: names.intervals.sorted()).map { "; did you mean \($0)?" } ?? ""
                item.report("undefined time interval \"\(name)\" used in route\(hint)")
            }
            result.append(name)
        }
        return result
    }
}

extension ValueReader {
    /// Milliseconds of a duration as Prometheus writes it: `1h30m`, no fractions.
    func prometheusDuration() -> Int64? {
        guard let text = literal() else { return nil }
        do throws(PrometheusDuration.Failure) {
            return try PrometheusDuration.milliseconds(text)
        } catch {
            report("\(error); expected a duration such as 30s or 1h30m")
            return nil
        }
    }
}

extension MappingReader {
    /// Milliseconds, more than 0.
    func positiveDuration(_ key: String) -> Int64? {
        guard let milliseconds = value(key)?.prometheusDuration() else { return nil }
        if milliseconds == 0 { report("\(key) cannot be zero", at: key) }
        return milliseconds
    }
}
