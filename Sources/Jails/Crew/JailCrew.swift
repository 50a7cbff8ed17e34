import Bytes
import CLinux
import Glibc
import Logs
import Synchronization
import Telemetry

/// What a crew works with.
package struct CrewSurroundings: Sendable {
    package var store: BanStore
    /// nil without a log road.
    package var streams: StoredStreams?
    package var observer: any JailObserver
    /// Whom nobody may ban.
    package var guarding: LockoutGuard
    /// Runs `ignorecommand`s.
    package var commands: (any IgnoreCommandRunner)?
    /// Makes the lanes of an action of a jail; nil for the firewall's, which all jails share.
    package var makeLane: @Sendable (JailAction, _ jail: String) -> ActionLane?
    /// Of all jails that enforce with the firewall.
    package var firewallLane: ActionLane?
    /// Holds back what is too much at once; nil for nothing.
    package var throttle: BanThrottle?
    /// Written as fail2ban writes its own; nil for none.
    package var banLog: BanLog?

    package init(
        store: BanStore, streams: StoredStreams?, observer: any JailObserver, guarding: LockoutGuard,
        commands: (any IgnoreCommandRunner)?,
        makeLane: @escaping @Sendable (JailAction, _ jail: String) -> ActionLane?, firewallLane: ActionLane? = nil,
        throttle: BanThrottle? = nil, banLog: BanLog? = nil
    ) {
        self.store = store
        self.streams = streams
        self.observer = observer
        self.guarding = guarding
        self.commands = commands
        self.makeLane = makeLane
        self.firewallLane = firewallLane
        self.throttle = throttle
        self.banLog = banLog
    }
}

/// All jails of a configuration at work, on one thread: it reads, judges, and hands bans to their actions, which have threads of their
/// own. Safe from any thread.
package final class JailCrew: Sendable {
    private struct Inbox {
        var requests: [@Sendable (CrewCore) -> Void] = []
        var isOver = false
    }

    private let inbox = Mutex(Inbox())
    private let stopToken = StopToken()
    private let bell = Bell()
    private let thread: Mutex<WorkerThread?>
    /// Of the jails that run, by their fingerprints.
    package let fingerprints: [String]

    /// Begins at once.
    ///
    /// - Throws: a sentence, where the kernel refuses what it takes to wait for files.
    package init(_ plans: [JailPlan], _ surroundings: CrewSurroundings) {
        fingerprints = plans.map(\.fingerprint)
        thread = Mutex(nil)
        let worker = WorkerThread(name: "jails", stackSize: 2 << 20) { [self] in
            CrewCore(plans, surroundings, stop: stopToken, bell: bell).run { core in
                let requests = inbox.withLock { inbox in
                    defer { inbox.requests = [] }
                    return inbox.requests
                }
                for request in requests { request(core) }
            }
            inbox.withLock { $0.isOver = true }
        }
        thread.withLock { $0 = worker }
    }

    /// Has the crew's thread do something and waits for it; nil where it does not come to that within ten seconds.
    package func ask<Answer: Sendable>(_ body: @escaping @Sendable (CrewCore) -> Answer) -> Answer? {
        let answer = Condition<Answer?>(nil)
        let isThere = inbox.withLock { inbox in
            guard !inbox.isOver else { return false }
            inbox.requests.append { core in
                let result = body(core)
                answer.change { $0 = result }
            }
            return true
        }
        guard isThere else { return nil }
        bell.ring()
        return answer.wait(until: Timestamp.monotonic.adding(seconds: 10)) { $0 }
    }

    /// Ends within about `seconds`. Bans stay in force; those of jails in `removed` go.
    package func stop(within seconds: Double, removed: Set<String> = []) {
        _ = ask { core in core.removed = removed }
        stopToken.stop()
        bell.ring()
        thread.withLock { thread in
            thread?.join()
            thread = nil
        }
    }
}

/// Wakes a thread that waits for descriptors.
final class Bell: Sendable {
    let descriptor: Int32

    init() {
        descriptor = eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK))
        precondition(descriptor >= 0, "no eventfd: errno \(errno)")
    }

    deinit { close(descriptor) }

    func ring() {
        var one: UInt64 = 1
        write(descriptor, &one, 8)
    }

    func silence() {
        var count: UInt64 = 0
        read(descriptor, &count, 8)
    }
}
