/// Addresses of targets: `host`, `host:port`, `[::1]:port`.
package enum TargetAddress {
    /// What is wrong with an address, or nil.
    package static func problem(of address: String) -> String? {
        if address.isEmpty { return "expected host:port, found nothing" }
        if address.contains("/") { return "expected host:port, found \"\(address)\"; a path goes into metrics_path" }
        guard address.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7f }) else {
            return "expected host:port, found \"\(address)\""
        }
        return nil
    }
}

/// Hard caps of scraping, whatever is configured.
package enum ScrapeLimits {
    /// Bytes of a page, uncompressed.
    package static let pageSize = 64 << 20
    /// Samples of a page.
    package static let samples = 2_000_000
    /// Targets of all jobs.
    package static let targets = 10_000
    /// Scrapes that run at a time.
    package static let threads = 24
    /// Dropped targets that each job keeps for the report.
    package static let droppedTargets = 100
}
