/// What a relabelling step does (Prometheus, "relabel_config").
package enum RelabelAction: String, Sendable, CaseIterable {
    case replace, keep, drop, hashmod, labelmap, labeldrop, labelkeep, lowercase, uppercase, keepequal, dropequal
}

/// One step of `relabel_configs`, with Prometheus's defaults.
package struct RelabelRule: Sendable, Equatable {
    package var sourceLabels: [String] = []
    package var separator: String = ";"
    package var targetLabel: String = ""
    /// RE2 syntax, anchored at both ends.
    package var regex: String = "(.*)"
    package var modulus: UInt64 = 0
    package var replacement: String = "$1"
    package var action: RelabelAction = .replace

    package init() {}
}
