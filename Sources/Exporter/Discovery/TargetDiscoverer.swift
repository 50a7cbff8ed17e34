/// Finds targets and tells when they change. For one thread.
protocol TargetDiscoverer: AnyObject {
    /// Seconds between two looks.
    var period: Double { get }
    /// What there is now, or nil where nothing has changed since the last look. Throws where it cannot be told; what was
    /// found before stands then.
    func look() throws -> [TargetGroup]?
}

/// Why targets cannot be told.
struct DiscoveryError: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

/// Targets that the configuration names.
final class FixedDiscovery: TargetDiscoverer {
    let period = Double(86_400)
    private var groups: [TargetGroup]?

    init(_ groups: [TargetGroup]) { self.groups = groups }

    func look() -> [TargetGroup]? {
        defer { groups = nil }
        return groups
    }
}
