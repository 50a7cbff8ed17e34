import Bytes
import Logging
import Telemetry
import Transport

/// What became of one request, after all tries.
enum PushSettlement: Sendable {
    case delivered
    /// Given up as the configuration says (`max_retries`, `drop_rate_limited_batches`); counted.
    case dropped
    /// Told to stop; nothing is known about the request.
    case stopped
    case partial([PushRejection])
    case streamsLimited([PushRejection])
    case tooLarge
    /// Over what the server takes at once, as far as one can tell: smaller requests may pass.
    case overBurst
    case refused(String)
}

/// The signals and the names that the parts of one destination share.
struct ShipperContext: Sendable {
    var configuration: ClientConfiguration
    var metrics: ShipperMetrics
    var readiness: Readiness
    var logger: Logger
    /// Finish what can be finished at once, then end.
    let stopping: StopToken
    /// End now.
    let aborting: StopToken

    var part: String { "destination/\(configuration.name)" }
}

/// Sends one request at a time until its fate is settled: with backoff while the server cannot, slowly while it will not,
/// at the pace it has told. For the lane's thread.
final class PushSender {
    private let context: ShipperContext
    private var client: HTTPClient
    private var pace = Pace()
    private var trouble: String?
    private var troubleLogged = Timestamp(nanoseconds: 0)
    private static let contentHeaders = [
        HTTPHeader("Content-Type", "application/x-protobuf"), HTTPHeader("Content-Encoding", "snappy"),
    ]
    /// Compressed bytes that any push endpoint must take.
    private static let plainlySmall = 4 << 10
    /// An empty PushRequest: a snappy block of length 0.
    private static let emptyRequest: [UInt8] = [0]

    init(_ context: ShipperContext, client: consuming HTTPClient) {
        self.context = context
        self.client = client
    }

    /// Sends `body`, a compressed PushRequest with `entries` entries of `size` bytes uncompressed.
    func settle(_ body: RawSpan, tenant: String, entries: Int, size: Int) -> PushSettlement {
        let configuration = context.configuration
        var backoff = Backoff(
            minimum: configuration.backoff.minPeriod, maximum: configuration.backoff.maxPeriod)
        // What people have to put right needs no hurry.
        var slow = Backoff(
            minimum: min(configuration.backoff.minPeriod * 10, configuration.backoff.maxPeriod),
            maximum: min(configuration.backoff.maxPeriod, max(60, configuration.backoff.minPeriod)))
        var rateRefusals = 0
        var retries = 0
        while true {
            guard wait(pace.delay(for: size)) else { return .stopped }
            let (verdict, retryAfter) = attempt(body, tenant: tenant, entries: entries)
            var pause: Double
            switch verdict {
            case .delivered:
                recovered()
                context.metrics.acknowledged(entries: entries, bytes: body.byteCount)
                return .delivered
            case .partial(let rejections):
                recovered()
                return .partial(rejections)
            case .streamsLimited(let rejections):
                report(.degraded("some streams are over a limit of the server and are held back"))
                return .streamsLimited(rejections)
            case .tooLarge(let reason):
                guard entries == 1, body.byteCount <= Self.plainlySmall else { return .tooLarge }
                // No line is to blame for a server that takes no request at all.
                report(
                    .failed(
                        "the server refuses even \(body.byteCount) bytes as too large (413); raise its limit"
                            + " (nginx: client_max_body_size): \(reason)"))
                pause = slow.next()
            case .refused(let reason, let isCertain):
                if isCertain || takesEmptyRequest(tenant: tenant) { return .refused(reason) }
                report(.failed("the server refuses every request (400): \(reason); check url and tenant_id"))
                pause = slow.next()
            case .held(let reason):
                // A secret that has been replaced in its file is tried at once.
                pause = client.reloadCredentials() ? 0 : slow.next()
                report(.failed(reason))
            case .rateLimited(let limit, let requested):
                if configuration.dropRateLimitedBatches { return dropped("rate_limited", tenant, entries, size) }
                rateRefusals += 1
                if let limit { pace.learn(limit: limit) }
                // A request over the server's burst never succeeds; the burst is not told, but the rate is.
                let mayBeOverBurst = (requested ?? size) > (limit ?? 0)
                if rateRefusals >= 3, mayBeOverBurst, entries > 1, size > 64 << 10 { return .overBurst }
                retries += 1
                if giveUp(retries) { return dropped("rate_limited", tenant, entries, size) }
                report(.degraded("the server limits this tenant's rate (429)"))
                pause = backoff.next()
            case .retry(let reason):
                retries += 1
                if giveUp(retries) { return dropped("ingester_error", tenant, entries, size) }
                report(.degraded("sending fails and is tried again: \(reason)"))
                pause = backoff.next()
            }
            if let retryAfter { pause = max(pause, min(retryAfter, 3600)) }
            context.metrics.retried(tenant: tenant)
            // The data is safe in the store: a destination in trouble must not hold up the end.
            if context.stopping.isStopped { return .stopped }
            guard wait(pause) else { return .stopped }
        }
    }

    /// Sleeps; false when it is time to end. Wakes early for one last try when it is told to finish.
    private func wait(_ seconds: Double) -> Bool {
        if seconds > 0 { context.stopping.wait(seconds: seconds) }
        return !context.aborting.isStopped
    }

    private func giveUp(_ retries: Int) -> Bool {
        context.configuration.backoff.maxRetries > 0 && retries > context.configuration.backoff.maxRetries
    }

    private func dropped(_ reason: String, _ tenant: String, _ entries: Int, _ size: Int) -> PushSettlement {
        context.metrics.dropped(reason, entries: entries, bytes: size, tenant: tenant)
        context.logger.error("entries dropped", metadata: ["reason": "\(reason)", "entries": "\(entries)"])
        return .dropped
    }

    private func attempt(_ body: RawSpan, tenant: String, entries: Int) -> (PushVerdict, retryAfter: Double?) {
        var headers = Self.contentHeaders
        let tenant = tenant.isEmpty ? context.configuration.tenantID : tenant
        if !tenant.isEmpty { headers.append(HTTPHeader("X-Scope-OrgID", tenant)) }
        let start = Timestamp.monotonic
        do {
            let response = try client.post(
                body, headers: headers, timeout: context.configuration.timeout, stop: context.aborting)
            let seconds = Timestamp.monotonic.seconds(since: start)
            context.metrics.requested(code: response.status, seconds: seconds, entries: entries, bytes: body.byteCount)
            return (PushVerdict(response), response.retryAfter)
        } catch {
            let seconds = Timestamp.monotonic.seconds(since: start)
            context.metrics.requested(code: 0, seconds: seconds, entries: entries, bytes: body.byteCount)
            switch error {
            case .stopped, .timedOut, .connection: return (.retry("\(error)"), nil)
            case .trust, .configuration, .noLibrary: return (.held("\(error)"), nil)
            }
        }
    }

    /// Whether the endpoint understands a request without streams: Loki answers 422 or 204. Otherwise it is the address or
    /// what stands before the server that refuses, and no data must be blamed for it.
    private func takesEmptyRequest(tenant: String) -> Bool {
        let (verdict, _) = attempt(Self.emptyRequest.span.bytes, tenant: tenant, entries: 0)
        switch verdict {
        case .delivered, .partial: return true
        case .refused(let reason, _): return reason.contains("at least one valid stream is required")
        default: return false
        }
    }

    private func recovered() {
        guard trouble != nil else { return }
        trouble = nil
        context.readiness.set(context.part, .ok)
        context.logger.info("destination takes data again", metadata: ["destination": "\(context.configuration.name)"])
    }

    /// Shows a trouble in readiness, and logs it when it is a new one, but not more than once in ten seconds.
    private func report(_ state: PartState) {
        let reason: String
        switch state {
        case .degraded(let text), .failed(let text): reason = text
        case .ok, .starting: return
        }
        let isNew = trouble != reason
        trouble = reason
        context.readiness.set(context.part, state)
        let now = Timestamp.monotonic
        guard isNew, now.seconds(since: troubleLogged) > 10 else { return }
        troubleLogged = now
        context.logger.warning(
            "destination in trouble", metadata: ["destination": "\(context.configuration.name)", "reason": "\(reason)"])
    }
}

/// Keeps under a rate that the server has told by refusing: at 80 % of it for a minute, never waiting more than 5 s.
private struct Pace {
    private var rate = 0.0
    private var until = Timestamp(nanoseconds: 0)
    private var free = Timestamp(nanoseconds: 0)

    /// `limit` is in bytes per second.
    mutating func learn(limit: Int) {
        guard limit > 0 else { return }
        rate = Double(limit) * 0.8
        until = Timestamp.monotonic.advanced(seconds: 60)
    }

    /// Seconds to wait before `size` bytes may go.
    mutating func delay(for size: Int) -> Double {
        let now = Timestamp.monotonic
        guard rate > 0, now < until else { return 0 }
        let start = max(now, free)
        let wait = min(5, start.seconds(since: now))
        free = now.advanced(seconds: wait + min(5, Double(size) / rate))
        return wait
    }
}
