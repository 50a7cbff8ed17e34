import Synchronization
import Telemetry

/// Which build this is, as `tocsin_build_info` and `tocsin version` tell it.
package struct BuildDescription: Sendable {
    package var version: String
    /// The commit, or `unknown`.
    package var revision: String
    /// The compiler's version.
    package var swift: String

    package init(version: String, revision: String, swift: String = BuildDescription.compiler) {
        self.version = version
        self.revision = revision
        self.swift = swift
    }

    /// The compiler's version, as far as source code can ask for it.
    package static var compiler: String {
        #if compiler(>=6.4)
            "6.4"
        #elseif compiler(>=6.3)
            "6.3"
        #else
            "6.2"
        #endif
    }

    /// Adds `tocsin_build_info`, which is always 1.
    package func register(in registry: MetricRegistry) {
        registry.gauge(
            "tocsin_build_info", help: "Always 1; its labels tell the version, the commit and the compiler.",
            ["version": version, "revision": revision, "swift": swift]
        ).set(1)
    }
}

/// `tocsin_part_ready`: one series per part that `Readiness` knows.
package final class ReadinessMetrics: Sendable {
    private let readiness: Readiness
    private let known = Mutex<Set<String>>([])

    package init(_ readiness: Readiness) { self.readiness = readiness }

    package func register(in registry: MetricRegistry) {
        registry.onCollect { self.update($0) }
    }

    private func update(_ registry: MetricRegistry) {
        let name = "tocsin_part_ready"
        let parts = readiness.all
        for part in parts {
            registry.gauge(
                name, help: "1 while a part is all right, 0 while it starts, is degraded or has failed.",
                ["part": part.name]
            ).set(part.state.isReady ? 1 : 0)
        }
        let names = Set(parts.map(\.name))
        let gone = known.withLock { known in
            defer { known = names }
            return known.subtracting(names)
        }
        for part in gone { registry.remove(name, ["part": part]) }
    }
}
