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
    /// Not now for this tenant: again when `due` says, as it is.
    case held
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

/// Sends one request at a time until its fate is settled: with backoff while the server cannot take it, whoever's it is.
/// What concerns one tenant only, its rate or its right to push, puts that tenant off and is not waited for. For the lane's thread.
final class PushSender {
    private let context: ShipperContext
    private let troubles: Troubles
    private var client: HTTPClient
    /// Of tenants with whom not all is well.
    private var roads: [String: TenantRoad] = [:]
    private static let contentHeaders = [
        HTTPHeader("Content-Type", "application/x-protobuf"), HTTPHeader("Content-Encoding", "snappy"),
    ]
    /// Compressed bytes that any push endpoint must take.
    private static let plainlySmall = 4 << 10
    /// At so many, those whose rate is no longer known are forgotten.
    private static let roadLimit = 1024
    /// An empty PushRequest: a snappy block of length 0.
    private static let emptyRequest: [UInt8] = [0]

    init(_ context: ShipperContext, troubles: Troubles, client: consuming HTTPClient) {
        self.context = context
        self.troubles = troubles
        self.client = client
    }

    /// When the tenant may be sent to again; in the past where nothing is wrong with it.
    func due(_ tenant: String) -> Timestamp { roads[tenant]?.due ?? Timestamp(nanoseconds: 0) }

    /// Sends `body`, a compressed PushRequest with `entries` entries of `size` bytes uncompressed.
    func settle(_ body: RawSpan, tenant: String, entries: Int, size: Int) -> PushSettlement {
        if due(tenant) > .monotonic { return .held }
        var road = roads.removeValue(forKey: tenant) ?? TenantRoad(context.configuration.backoff)
        let settlement = settle(body, tenant, entries, size, &road)
        switch settlement {
        case .held, .stopped: break
        case .delivered, .dropped, .partial, .streamsLimited, .tooLarge, .overBurst, .refused: road.settled()
        }
        if case .delivered = settlement, let due = road.pace.spend(size) { road.due = due }
        if !road.isClear {
            if roads.count >= Self.roadLimit { roads = roads.filter { !$0.value.isClear } }
            roads[tenant] = road
        }
        return settlement
    }

    private func settle(
        _ body: RawSpan, _ tenant: String, _ entries: Int, _ size: Int, _ road: inout TenantRoad
    ) -> PushSettlement {
        let periods = context.configuration.backoff
        var (backoff, slow) = (periods.backoff, periods.slowBackoff)
        var retries = 0
        var cuts = 0
        while !context.aborting.isStopped {
            let (verdict, retryAfter) = attempt(body, tenant: tenant, entries: entries)
            switch verdict {
            case .delivered:
                hasAnswered()
                troubles.end(of: .tenant(tenant))
                context.metrics.acknowledged(entries: entries, bytes: body.byteCount)
                return .delivered
            case .partial(let rejections):
                hasAnswered()
                troubles.end(of: .tenant(tenant))
                return .partial(rejections)
            case .streamsLimited(let rejections):
                hasAnswered()
                troubles.report(
                    .degraded("some streams are over a limit of the server and are held back"), of: .tenant(tenant))
                return .streamsLimited(rejections)
            case .tooLarge(let reason):
                hasAnswered()
                guard entries == 1, body.byteCount <= Self.plainlySmall else { return .tooLarge }
                // No line is to blame for a server that takes no request at all.
                return held(
                    "the server refuses even \(body.byteCount) bytes as too large (413); raise its limit"
                        + " (nginx: client_max_body_size): \(reason)", tenant, &road, retryAfter)
            case .refused(let reason, let isCertain):
                hasAnswered()
                if isCertain || takesEmptyRequest(tenant: tenant) { return .refused(reason) }
                return held(
                    "the server refuses every request (400): \(reason); check url and tenant_id", tenant, &road,
                    retryAfter)
            case .held(let reason):
                hasAnswered()
                return held(reason, tenant, &road, retryAfter)
            case .rateLimited(let limit, let requested):
                hasAnswered()
                return rateLimited(limit, requested, tenant, entries, size, &road, retryAfter)
            case .unusable(let reason):
                troubles.report(.failed(reason), of: .destination)
                guard pause(client.reloadCredentials() ? 0 : slow.next(), tenant)
                else { return .stopped }
            case .cutOff(let reason), .retry(let reason):
                retries += 1
                if case .cutOff = verdict {
                    cuts += 1
                    if cuts >= 3, entries > 1, body.byteCount > 64 << 10 { return .tooLarge }
                }
                if giveUp(retries) { return dropped("ingester_error", tenant, entries, size) }
                troubles.report(.degraded("sending fails and is tried again: \(reason)"), of: .destination)
                guard pause(max(backoff.next(), min(retryAfter ?? 0, 3600)), tenant) else { return .stopped }
            }
        }
        return .stopped
    }

    /// The tenant is not served as things are configured, on either side.
    private func held(
        _ reason: String, _ tenant: String, _ road: inout TenantRoad, _ retryAfter: Double?
    ) -> PushSettlement {
        troubles.report(.failed(reason), of: .tenant(tenant))
        context.metrics.retried(tenant: tenant)
        road.putOff(slowly: true, retryAfter: retryAfter)
        // A secret that has been replaced in its file is tried at once.
        if client.reloadCredentials() { road.due = .monotonic }
        return .held
    }

    private func rateLimited(
        _ limit: Int?, _ requested: Int?, _ tenant: String, _ entries: Int, _ size: Int, _ road: inout TenantRoad,
        _ retryAfter: Double?
    ) -> PushSettlement {
        if context.configuration.dropRateLimitedBatches { return dropped("rate_limited", tenant, entries, size) }
        road.refuse()
        if let limit { road.pace.learn(limit: limit) }
        // A request over the server's burst never succeeds; the burst is not told, but the rate is.
        let mayBeOverBurst = (requested ?? size) > (limit ?? 0)
        if road.refusals >= 3, mayBeOverBurst, entries > 1, size > 64 << 10 { return .overBurst }
        if giveUp(road.retries) { return dropped("rate_limited", tenant, entries, size) }
        troubles.report(.degraded("the server limits this tenant's rate (429)"), of: .tenant(tenant))
        context.metrics.retried(tenant: tenant)
        road.putOff(slowly: false, retryAfter: retryAfter)
        return .held
    }

    /// There is a way to the server.
    private func hasAnswered() { troubles.end(of: .destination) }

    /// Waits before the same request is sent again; false when it is time to end. Wakes early for one last try when it is
    /// told to finish.
    private func pause(_ seconds: Double, _ tenant: String) -> Bool {
        context.metrics.retried(tenant: tenant)
        // The data is safe in the store: a destination in trouble must not hold up the end.
        if context.stopping.isStopped { return false }
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
            case .cutOff: return (.cutOff("\(error)"), nil)
            case .trust, .configuration, .noLibrary: return (.unusable("\(error)"), nil)
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
}
