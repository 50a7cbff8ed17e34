import Bytes
import Glibc
import Synchronization
import Telemetry
import Testing

@testable import Jails

/// A firewall with what it tells.
final class FirewallRig: Sendable {
    let firewall: Firewall
    let metrics = MetricRegistry()
    let readiness = Readiness()
    let notes = Noted()
    let now = Timestamp.now.secondsSince1970

    final class Noted: Sendable {
        let lines = Mutex<[String]>([])
    }

    init(_ settings: Firewall.Settings = Firewall.Settings()) {
        firewall = Firewall(settings, metrics: metrics, readiness: readiness) { [notes] line in
            notes.lines.withLock { $0.append(line) }
        }
    }

    var restores: Double { metrics.total("f2b_firewall_restores_total") }
    var state: PartState? { readiness.all.first { $0.name == Firewall.part }?.state }

    /// What is left of a ban in the kernel: seconds, infinite for ever, nil where it is not there.
    func remaining(_ target: String, _ jail: String) throws -> Double? {
        try firewall.enforcement(of: BanTarget(target), jail: jail).map { $0.remaining ?? .infinity }
    }

    /// Runs `body` beside a monitor of the firewall.
    func monitored(_ body: () throws -> Void) throws {
        let stop = StopToken()
        let monitor = FirewallMonitor(firewall, stop: stop)
        let thread = WorkerThread(name: "monitor") { monitor.run() }
        defer {
            stop.stop()
            thread.join()
        }
        try #require(NetworkNamespace.await { monitor.isListening.load(ordering: .acquiring) })
        try body()
    }

    func action(_ name: String, ports: PortSelection? = nil, rejects: Bool = false) -> FirewallAction {
        var jail = JailSettings(name: name)
        jail.ports = ports
        jail.rejects = rejects
        return FirewallAction(jail, firewall)
    }

    /// A ban from now on.
    func ban(_ target: String, _ duration: Double) -> Ban {
        Ban(jail: "", target: BanTarget(target), time: now, duration: duration)
    }
}
