import Glibc
import Telemetry

/// docker's own filters of `GET /containers/json`: different ones must all hold; of several values of one, any,
/// but for labels, which must all be there.
struct DockerFilter {
    var filters: [DockerConfiguration.Filter]

    func accepts(_ container: DockerContainer) -> Bool {
        filters.allSatisfy { filter in
            switch filter.name {
            case "name":
                filter.values.contains { value in
                    Self.matches(value, container.name)
                        || container.name.hasPrefix("/") && Self.matches(value, String(container.name.dropFirst()))
                }
            case "id": filter.values.contains { container.id.hasPrefix($0) }
            case "label":
                filter.values.allSatisfy { value in
                    let parts = value.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
                    let found = container.labels.first { $0.name == String(parts[0]) }
                    return parts.count == 1 ? found != nil : found?.value == String(parts[1])
                }
            case "network":
                container.networks.contains { network in
                    filter.values.contains { $0 == network.name || $0 == network.id }
                }
            case "status": filter.values.contains(container.status.rawValue)
            // The configuration reader refuses other names.
            default: true
            }
        }
    }

    /// Whether the regular expression, or where it is none the text, occurs in `name`.
    private static func matches(_ pattern: String, _ name: String) -> Bool {
        var expression = regex_t()
        guard regcomp(&expression, pattern, REG_EXTENDED | REG_NOSUB) == 0 else { return name == pattern }
        defer { regfree(&expression) }
        return regexec(&expression, name, 0, nil, 0) == 0
    }
}
