import Bytes
import CLinux
import Synchronization
import Telemetry

/// What is known of a host's name at present.
package enum NameAnswer: Sendable, Equatable {
    /// Its addresses, by the last answer that had some.
    case known([IPNetwork])
    /// It has none, or nobody could be asked.
    case unknown
    /// Somebody is being asked.
    case pending
}

/// Tells addresses of names without ever waiting.
package protocol NameResolving: AnyObject, Sendable {
    /// - Parameter now: seconds since 1970.
    func addresses(of name: String, now: Double) -> NameAnswer
}

/// Asks the system's resolver on threads of its own, and remembers.
///
/// The system does not tell how long an answer holds, so it is asked again after `lifetime`; the last answer with addresses stays for as
/// long as there is no better one. At most `capacity` names are remembered, and those asked for longest ago go first; while all are being asked
/// for, a further name is unknown and counted.
package final class NameResolver: NameResolving {
    private struct Entry {
        var addresses: [IPNetwork] = []
        var answered: Double?
        var used: Double
        var isAsked = true
    }

    private struct State {
        var entries: [String: Entry] = [:]
        var queue: [String] = []
        var threads = 0
        var refused = 0
    }

    private let state = Mutex(State())
    private let lifetime: Double
    private let capacity: Int
    private let lookUp: @Sendable (String) -> [IPNetwork]
    private let onAnswer: @Sendable () -> Void

    private static let mostThreads = 4
    private static let longestName = 253

    /// - Parameters:
    ///   - lifetime: seconds.
    ///   - lookUp: blocks; none for a name that has no address.
    ///   - onAnswer: called on any thread when something is known that was not.
    package init(
        lifetime: Double = 60, capacity: Int = 1000,
        lookUp: @escaping @Sendable (String) -> [IPNetwork] = systemAddresses,
        onAnswer: @escaping @Sendable () -> Void = {}
    ) {
        self.lifetime = lifetime
        self.capacity = max(capacity, 1)
        self.lookUp = lookUp
        self.onAnswer = onAnswer
    }

    /// Names that were not looked up because too many others were.
    package var refusedNames: Int { state.withLock { $0.refused } }

    package func addresses(of name: String, now: Double) -> NameAnswer {
        guard !name.isEmpty, name.utf8.count <= Self.longestName, !name.utf8.contains(0) else { return .unknown }
        let (answer, startsThread) = state.withLock { state -> (NameAnswer, Bool) in
            guard var entry = state.entries[name] else {
                guard makeRoom(&state) else {
                    state.refused &+= 1
                    return (.unknown, false)
                }
                state.entries[name] = Entry(used: now)
                return (.pending, enqueue(name, &state))
            }
            entry.used = now
            var starts = false
            if !entry.isAsked, let answered = entry.answered, now - answered >= lifetime || now < answered {
                entry.isAsked = true
                starts = enqueue(name, &state)
            }
            state.entries[name] = entry
            guard entry.answered != nil else { return (.pending, starts) }
            return (entry.addresses.isEmpty ? .unknown : .known(entry.addresses), starts)
        }
        if startsThread { WorkerThread(name: "names") { [self] in work() }.detach() }
        return answer
    }

    private func makeRoom(_ state: inout State) -> Bool {
        guard state.entries.count >= capacity else { return true }
        let idle = state.entries.filter { !$0.value.isAsked }.min { $0.value.used < $1.value.used }
        guard let idle else { return false }
        state.entries[idle.key] = nil
        return true
    }

    /// Whether a thread is to be started for it.
    private func enqueue(_ name: String, _ state: inout State) -> Bool {
        state.queue.append(name)
        guard state.threads < Self.mostThreads else { return false }
        state.threads += 1
        return true
    }

    private func work() {
        while let name = next() {
            let found = lookUp(name)
            state.withLock { state in
                guard var entry = state.entries[name] else { return }
                if !found.isEmpty { entry.addresses = found }
                // From when it was asked for: the caller's clock, which need not be the system's.
                entry.answered = entry.used
                entry.isAsked = false
                state.entries[name] = entry
            }
            onAnswer()
        }
    }

    private func next() -> String? {
        state.withLock { state in
            guard !state.queue.isEmpty else {
                state.threads -= 1
                return nil
            }
            return state.queue.removeFirst()
        }
    }

    /// getaddrinfo(3), IPv4 and IPv6, 64 addresses at most.
    package static func systemAddresses(_ name: String) -> [IPNetwork] {
        var found = [clinux_address](repeating: clinux_address(), count: 64)
        let count = clinux_resolve(name, 0, &found, Int32(found.count))
        var networks: [IPNetwork] = []
        for address in found.prefix(max(0, Int(count))) {
            guard let network = IPNetwork(address), !networks.contains(network) else { continue }
            networks.append(network)
        }
        return networks
    }
}

extension IPNetwork {
    fileprivate init?(_ address: clinux_address) {
        let bytes = address.bytes
        func number(_ bytes: UInt8...) -> UInt64 { bytes.reduce(0) { $0 << 8 | UInt64($1) } }
        let high = number(bytes.0, bytes.1, bytes.2, bytes.3, bytes.4, bytes.5, bytes.6, bytes.7)
        let low = number(bytes.8, bytes.9, bytes.10, bytes.11, bytes.12, bytes.13, bytes.14, bytes.15)
        switch address.version {
        case 4: self.init(ipv4: UInt32(truncatingIfNeeded: high >> 32))
        // A mapped address is IPv4's, as in text.
        case 6 where high == 0 && low >> 32 == 0xffff: self.init(ipv4: UInt32(truncatingIfNeeded: low))
        case 6: self.init(high: high, low: low)
        default: return nil
        }
    }
}
