import Bytes
import Synchronization
import Testing

@testable import Jails

/// A jail whose clock, names, interfaces, commands and random numbers are the test's.
final class JailScene {
    let jail: Jail
    let history: any BanHistory
    let names = FixedNames()
    let commands = HeldCommands()

    init(
        _ history: any BanHistory = MemoryBanHistory(), name: String = "sshd", mostTargets: Int = 1000,
        mostBans: Int = 1000,
        random: Double = 0.5, _ change: (inout JailSettings) -> Void = { _ in }
    ) throws {
        var settings = JailSettings(name: name)
        change(&settings)
        self.history = history
        let own: [IPNetwork] = ["198.51.100.1", "2001:db8::1"].compactMap { IPNetwork($0) }
        let surroundings = JailSurroundings(
            history: history, names: names, trustedNames: names,
            host: HostAddresses(interfaces: { own }, name: "", resolver: names), commands: commands, random: { random })
        jail = try Jail(settings, surroundings: surroundings, mostTargets: mostTargets, mostBans: mostBans)
    }

    /// One failure after another of an address, each at its time.
    func fail(_ id: String, at times: Double..., groups: [String: GroupValue] = [:]) -> [JailEvent] {
        times.flatMap { jail.take(Self.failure(id, at: $0, groups: groups), now: $0) }
    }

    static func failure(
        _ id: String, at time: Double, isName: Bool = false, groups: [String: GroupValue] = [:]
    ) -> Failure {
        var failure = Failure(time: time, groups: [:], pattern: 0)
        failure.id = id
        failure.isName = isName
        for (name, value) in groups { failure.groups[name] = value }
        failure.matches = ["\(Int(exactly: time) ?? 0) \(id)"]
        return failure
    }
}

extension [JailEvent] {
    var bans: [Ban] { compactMap { if case .banned(let ban, _) = $0 { ban } else { nil } } }
    var found: Int { count { if case .found = $0 { true } else { false } } }
}

extension BanTarget: ExpressibleByStringLiteral {
    public init(stringLiteral value: String) { self.init(value) }
}

/// A resolver that knows what the test tells it.
final class FixedNames: NameResolving {
    private let answers = Mutex<[String: NameAnswer]>([:])

    func set(_ name: String, _ answer: NameAnswer) { answers.withLock { $0[name] = answer } }
    func addresses(of name: String, now: Double) -> NameAnswer { answers.withLock { $0[name] ?? .pending } }
}

/// Commands that end when the test says so.
final class HeldCommands: IgnoreCommandRunner {
    struct Call: Sendable {
        let command: String
        let candidate: Ban
        let answer: @Sendable (Int32?) -> Void
    }

    private let held = Mutex<[Call]>([])
    var calls: [Call] { held.withLock { $0 } }

    func run(_ command: String, for candidate: Ban, timeout: Double, answer: @escaping @Sendable (Int32?) -> Void) {
        held.withLock { $0.append(Call(command: command, candidate: candidate, answer: answer)) }
    }

    func end(with status: Int32?) {
        let calls = held.withLock { calls in
            defer { calls = [] }
            return calls
        }
        for call in calls { call.answer(status) }
    }
}
