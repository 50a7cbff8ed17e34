import Configuration

/// What routing wants to know of `receivers` and `global`: who there is, and after what time silence of a sender means the
/// end of an alert.
struct ReceiverNames {
    var receivers: [ReceiverSummary] = []
    /// Milliseconds.
    var resolveTimeout: Int64?

    /// Takes the names and leaves the rest of each receiver alone.
    static func read(_ reader: MappingReader) -> ReceiverNames {
        var result = ReceiverNames()
        for entry in reader.value("global")?.entries() ?? [] where entry.key == "resolve_timeout" {
            if !entry.value.node.isNull { result.resolveTimeout = entry.value.prometheusDuration() }
        }
        var seen: Set<String> = []
        for item in reader.value("receivers")?.items() ?? [] {
            guard let entries = item.entries() else { continue }
            let name = entries.first { $0.key == "name" }?.value.literal() ?? ""
            if name.isEmpty {
                item.report("missing name in receiver")
            } else if !seen.insert(name).inserted {
                item.report("notification config name \"\(name)\" is not unique")
            } else {
                result.receivers.append(ReceiverSummary(name: name))
            }
        }
        return result
    }
}
