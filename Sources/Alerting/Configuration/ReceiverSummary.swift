import Configuration
import Telemetry

/// The whole of what a receiver is known by to routing: its name and what it has to be told by.
package struct ReceiverSummary: Sendable, Equatable {
    /// One entry of a `…_configs` list.
    package struct Way: Sendable, Equatable {
        /// `webhook`, `slack` …
        package var kind: String
        /// Its place among those of its kind.
        package var index: Int
        package var sendsResolved: Bool

        package init(kind: String, index: Int, sendsResolved: Bool) {
            self.kind = kind
            self.index = index
            self.sendsResolved = sendsResolved
        }
    }

    package var name: String
    package var ways: [Way]
    /// By which the API can filter.
    package var labels: LabelSet

    package init(name: String, ways: [Way] = [], labels: LabelSet = [:]) {
        self.name = name
        self.ways = ways
        self.labels = labels
    }

    init(name: String, labels: LabelSet, integrations: [any Integration]) {
        self.init(name: name, labels: labels)
        for integration in integrations {
            ways.append(
                Way(
                    kind: integration.kind, index: ways.count { $0.kind == integration.kind },
                    sendsResolved: integration.sendsResolved))
        }
    }
}
