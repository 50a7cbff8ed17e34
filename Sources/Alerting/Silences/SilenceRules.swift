import Telemetry

/// Why a silence cannot be made, changed or ended, in Alertmanager's words.
package enum SilenceError: Error, Equatable, CustomStringConvertible {
    case notFound
    /// It is a maintenance window of the configuration.
    case configured
    case invalid(String)

    package var description: String {
        switch self {
        case .notFound: "silence not found"
        case .configured: "it is a maintenance window of the configuration, and is changed there"
        case .invalid(let reason): "invalid silence: \(reason)"
        }
    }
}

/// What may be done to silences (`silence/silence.go`).
enum SilenceRules {
    /// Milliseconds for which one that is over is kept.
    static let retention: Int64 = 120 * 3_600_000
    /// Silences that may be kept at once.
    static let most = 10_000

    /// What has to be kept when somebody sets `wanted`: the silence under its old name where it can be changed in place,
    /// otherwise a new one and the old one's end. The first is the silence that counts.
    static func set(
        _ wanted: Silence, among silences: [String: Silence], at now: Int64, makeID: () -> String
    ) throws(SilenceError) -> [Silence] {
        if let problem = problem(of: wanted) { throw .invalid(problem) }
        var silence = wanted
        silence.updatedAt = now
        if wanted.id.isEmpty {
            return [try created(silence, among: silences, at: now, makeID)]
        }
        guard let previous = silences[wanted.id] else { throw .notFound }
        if canChange(previous, to: wanted, at: now) { return [silence] }
        let replacement = try created(silence, among: silences, at: now, makeID)
        return [replacement] + (expired(previous, at: now).map { [$0] } ?? [])
    }

    private static func created(
        _ wanted: Silence, among silences: [String: Silence], at now: Int64, _ makeID: () -> String
    ) throws(SilenceError) -> Silence {
        guard silences.count < most else {
            throw .invalid("exceeded maximum number of silences: \(silences.count) (limit: \(most))")
        }
        var silence = wanted
        silence.id = makeID()
        silence.startsAt = max(wanted.startsAt, now)
        return silence
    }

    /// The silence as it is once ended; nil where it is over already.
    static func expired(_ silence: Silence, at now: Int64) -> Silence? {
        var result = silence
        switch silence.state(at: now) {
        case .expired: return nil
        case .active: result.endsAt = now
        case .pending:
            result.startsAt = now
            result.endsAt = now
        }
        result.updatedAt = now
        return result
    }

    private static func canChange(_ previous: Silence, to wanted: Silence, at now: Int64) -> Bool {
        guard previous.matchers.isSame(as: wanted.matchers) else { return false }
        switch previous.state(at: now) {
        case .active: return previous.startsAt / 1000 == wanted.startsAt / 1000 && wanted.endsAt >= now
        case .pending: return wanted.startsAt >= now
        case .expired: return false
        }
    }

    private static func problem(of silence: Silence) -> String? {
        if silence.matchers.isEmpty { return "at least one matcher required" }
        for (index, matcher) in silence.matchers.enumerated() where matcher.name.isEmpty {
            return "invalid label matcher \(index): invalid label name \"\""
        }
        if silence.matchers.allSatisfy(\.matchesAbsence) {
            return "at least one matcher must not match the empty string"
        }
        if silence.endsAt < silence.startsAt { return "end time must not be before start time" }
        return nil
    }
}
