import Bytes
import Jails
import Logging
import Synchronization
import Telemetry

/// The block and allow lists of one agent: threads of their own keep them up to date, the firewall keeps out whom they have or lets them pass.
final class BanLists: Sendable {
    private struct Running: Sendable {
        var lists = BlockLists([])
        var settings: [BlockListSettings] = []
        /// With `mode: observe` they are read and counted only.
        var isEnforced = false
        var guarding: LockoutGuard?
        var release: @Sendable () -> Void = {}
    }

    private let stateDirectory: String
    private let metrics: MetricRegistry
    private let readiness: Readiness
    private let logger: Logger
    /// Whom they allow.
    let allowed = AllowedNetworks()
    private let block: @Sendable (_ blocked: [String: [IPNetwork]], _ allowed: [String: [IPNetwork]]) -> Void
    private let running = Mutex(Running())
    /// One at a time, so that an older state never comes after a newer one.
    private let enforcing = Mutex(())
    /// What was last logged of each list.
    private let told = Mutex<[String: String]>([:])

    /// - Parameter block: puts networks in force by the names of their lists, in place of all before.
    init(
        stateDirectory: String, metrics: MetricRegistry, readiness: Readiness, logger: Logger,
        block: @escaping @Sendable (_ blocked: [String: [IPNetwork]], _ allowed: [String: [IPNetwork]]) -> Void
    ) {
        self.stateDirectory = stateDirectory
        self.metrics = metrics
        self.readiness = readiness
        self.logger = logger
        self.block = block
    }

    /// Brings them into line; what is the same goes on. The last copies are in force when this returns.
    ///
    /// - Parameter release: ends the bans of whom lists allow by now.
    func apply(
        _ settings: [BlockListSettings], isEnforced: Bool, guarding: LockoutGuard,
        release: @escaping @Sendable () -> Void
    ) {
        let old = running.withLock { running -> BlockLists? in
            running.isEnforced = isEnforced
            running.guarding = guarding
            running.release = release
            return running.settings == settings ? nil : running.lists
        }
        if let old {
            old.stop()
            for list in old.lists { readiness.remove("bans/list/\(list.settings.name)") }
            let lists = BlockLists(settings.map(list))
            running.withLock { ($0.lists, $0.settings) = (lists, settings) }
            metrics.provide("lists") { [weak self] in self?.families ?? [] }
            lists.start()
        }
        enforce()
        tell()
    }

    private func list(_ settings: BlockListSettings) -> BlockList {
        BlockList(
            settings, directory: "\(stateDirectory)/bans/lists", userAgent: "tocsin/\(Version.current)",
            exempt: { [weak self] in self?.running.withLock { $0.guarding }?.protected() ?? [] },
            onChange: { [weak self] _ in self?.enforce() })
    }

    private func enforce() {
        enforcing.withLock { _ in
            let (lists, isEnforced, release) = running.withLock { ($0.lists.lists, $0.isEnforced, $0.release) }
            var (blocked, passing): ([String: [IPNetwork]], [String: [IPNetwork]]) = ([:], [:])
            var allowed: [(name: String, networks: NetworkList)] = []
            for list in lists {
                let (name, networks) = (list.settings.name, list.networks)
                if list.settings.kind == .allow {
                    allowed.append((name, networks))
                    passing[name] = networks.networks
                } else if isEnforced {
                    blocked[name] = networks.networks
                }
            }
            self.allowed.set(allowed)
            block(blocked, passing)
            // Nobody of them is banned any more from here on.
            if !self.allowed.isEmpty { release() }
        }
    }

    /// Tells readiness how each is doing, and the log what is new about that.
    func tell() {
        let lists = running.withLock { $0.lists }
        for (name, state) in lists.states { readiness.set(name, state) }
        for list in lists.lists {
            let status = list.status
            var problems = [status.failure, status.copyFailure].compactMap { $0 }
            if let line = status.firstStrange {
                problems.append("lines without an address or network: \(status.strangeLines), the first is \(line)")
            }
            if status.tooWide > 0 { problems.append("networks that are too wide to be blocked: \(status.tooWide)") }
            let text = problems.joined(separator: "; ")
            let isNew = told.withLock { told -> Bool in
                defer { told[list.settings.name] = text }
                return told[list.settings.name] ?? "" != text
            }
            if isNew, !text.isEmpty { logger.warning("list \(list.settings.name): \(text)") }
        }
    }

    /// For people, a line for each list that has somebody.
    func explanation(of target: BanTarget) -> [String] {
        guard let network = target.network else { return [] }
        let (lists, isEnforced) = running.withLock { ($0.lists, $0.isEnforced) }
        // The guard names those that allow it.
        let passes = allowed.overlapping(network).map { " if the list \($0.list) did not allow it" }
        return lists.lists(with: network).filter { $0.list.settings.kind == .block }.map { list, network in
            if let passes { return "the list \(list.settings.name) has \(network), which would be kept out\(passes)" }
            return "the list \(list.settings.name) has \(network), which \(isEnforced ? "is" : "would be") kept out"
        }
    }

    func write(into json: inout JSONWriter) {
        json.beginArray()
        for list in running.withLock({ $0.lists.lists }) {
            let status = list.status
            json.beginObject()
            for (key, text) in [
                ("name", list.settings.name), ("kind", list.settings.kind.rawValue),
                ("source", list.settings.source.description),
            ] {
                json.key(key)
                json.string(text)
            }
            for (key, number) in [
                ("networks", status.entries), ("strange_lines", status.strangeLines), ("too_wide", status.tooWide),
                ("failures", status.failures),
            ] {
                json.key(key)
                json.integer(number)
            }
            json.key("updated")
            if status.lastSuccess > 0 { json.string(BanEvent.text(status.lastSuccess)) } else { json.null() }
            for (key, text) in [
                ("problem", status.failure ?? status.copyFailure), ("first_strange_line", status.firstStrange),
            ] {
                guard let text else { continue }
                json.key(key)
                json.string(text)
            }
            json.endObject()
        }
        json.endArray()
    }

    func stop() { running.withLock { $0.lists }.stop() }

    private var families: [MetricRegistry.Family] {
        let lists = running.withLock { $0.lists.lists }.map { (name: $0.settings.name, status: $0.status) }
        func family(
            _ made: MetricRegistry.Family, _ value: (BlockList.Status) -> Double
        ) -> MetricRegistry.Family {
            var made = made
            for (name, status) in lists {
                let value = value(status)
                made.series[["list": name]] = .computed { value }
            }
            return made
        }
        if lists.isEmpty { return [] }
        return [
            family(
                .init(
                    name: "f2b_list_networks", help: "Networks of a list, overlaps merged.", type: .gauge,
                    series: [:])
            ) { Double($0.entries) },
            family(
                .init(
                    name: "f2b_list_strange_lines", help: "Lines of a list without an address or network.",
                    type: .gauge, series: [:])
            ) { Double($0.strangeLines) },
            family(
                .init(
                    name: "f2b_list_too_wide", help: "Networks of a list that are too wide to be taken.",
                    type: .gauge, series: [:])
            ) { Double($0.tooWide) },
            family(
                .init(
                    name: "f2b_list_failures_total", help: "Looks at a list that failed.", type: .counter,
                    series: [:])
            ) { Double($0.failures) },
            family(
                .init(
                    name: "f2b_list_last_success_timestamp_seconds",
                    help: "When a list was last read, or had not changed; 0 for never.", type: .gauge,
                    series: [:])
            ) { $0.lastSuccess },
        ]
    }
}
