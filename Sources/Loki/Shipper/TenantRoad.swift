import Telemetry
import Transport

/// When one tenant may be sent to again, and how it has fared since its last request was settled.
struct TenantRoad {
    /// Nothing is sent for it before.
    var due = Timestamp(nanoseconds: 0)
    var pace = Pace()
    private(set) var refusals = 0
    private(set) var retries = 0
    private var backoff: Backoff
    private var slow: Backoff

    init(_ configuration: ClientConfiguration.BackoffConfiguration) {
        backoff = configuration.backoff
        slow = configuration.slowBackoff
    }

    /// Whether nothing need be remembered of it.
    var isClear: Bool { refusals == 0 && retries == 0 && slow.attempts == 0 && !pace.isKnown }

    /// The request is settled: the next one begins anew.
    mutating func settled() {
        refusals = 0
        retries = 0
        backoff.reset()
        slow.reset()
    }

    /// The server has refused the request for the tenant's rate.
    mutating func refuse() {
        refusals += 1
        retries += 1
    }

    /// Puts the next try off; not before `retryAfter` seconds, of which the server is believed an hour.
    mutating func putOff(slowly: Bool, retryAfter: Double?) {
        let pause = slowly ? slow.next() : backoff.next()
        due = Timestamp.monotonic.advanced(seconds: max(pause, min(retryAfter ?? 0, 3600)))
    }
}

extension ClientConfiguration.BackoffConfiguration {
    var backoff: Backoff { Backoff(minimum: minPeriod, maximum: maxPeriod) }

    /// What people have to put right needs no hurry.
    var slowBackoff: Backoff {
        Backoff(minimum: min(minPeriod * 10, maxPeriod), maximum: min(maxPeriod, max(60, minPeriod)))
    }
}

/// Keeps under a rate that the server has told by refusing: at 80 % of it for a minute, never waiting more than 5 s.
struct Pace {
    private var rate = 0.0
    private var until = Timestamp(nanoseconds: 0)
    private var free = Timestamp(nanoseconds: 0)

    var isKnown: Bool { rate > 0 && Timestamp.monotonic < until }

    /// `limit` is in bytes per second.
    mutating func learn(limit: Int) {
        guard limit > 0 else { return }
        rate = Double(limit) * 0.8
        until = Timestamp.monotonic.advanced(seconds: 60)
    }

    /// `size` bytes are sent now. Returns until when the next ones wait; nil where nothing is known of a limit.
    mutating func spend(_ size: Int) -> Timestamp? {
        guard isKnown else { return nil }
        free = Timestamp.monotonic.advanced(seconds: min(5, Double(size) / rate))
        return free
    }
}
