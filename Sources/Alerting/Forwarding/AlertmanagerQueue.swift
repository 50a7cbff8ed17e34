import Bytes
import Rules
import Telemetry
import Transport

/// The way to one Alertmanager, as Prometheus's notifier has it: a queue, a thread while there is something in it, and requests of at
/// most 64 alerts. What a request that fails had is sent again when it is said again, which is a minute later.
///
/// At `capacity` alerts the oldest are dropped, and counted.
final class AlertmanagerQueue: Sendable {
    struct Item: Sendable {
        /// Of the alert's labels before relabelling.
        var id: AlertID
        var notice: AlertNotice
    }

    private struct State {
        var items: [Item] = []
        var isWorking = false
        var isEnding = false
        /// What the last request failed of.
        var failure: String?
    }

    static let capacity = 10_000
    static let largestBatch = 64

    let endpoint: AlertmanagerEndpoint
    private let relabeler: Relabeler?
    private let userAgent: String
    private let metrics: AlertmanagerMetrics
    private let report: @Sendable (_ taken: Bool, [AlertID]) -> Void
    private let say: @Sendable (_ failure: String?) -> Void
    private let state = Condition(State())
    private let stop = StopToken()

    /// - Parameters:
    ///   - report: told of each request whether it was taken, on the queue's thread.
    ///   - say: told when requests begin to fail, and with nil when they do no longer.
    init(
        _ endpoint: AlertmanagerEndpoint, userAgent: String, metrics: MetricRegistry,
        report: @escaping @Sendable (_ taken: Bool, [AlertID]) -> Void,
        say: @escaping @Sendable (_ failure: String?) -> Void
    ) {
        self.endpoint = endpoint
        relabeler = endpoint.relabeling.isEmpty ? nil : try? Relabeler(endpoint.relabeling)
        self.userAgent = userAgent
        self.metrics = AlertmanagerMetrics(metrics, endpoint.target.description)
        self.report = report
        self.say = say
    }

    /// Does not wait.
    func add(_ items: [Item]) {
        let items = relabeler.map { relabeler in items.compactMap { relabeler.applied(to: $0) } } ?? items
        guard !items.isEmpty else { return }
        let mustStart = state.change { state in
            guard !state.isEnding else { return false }
            state.items += items
            let excess = state.items.count - Self.capacity
            if excess > 0 {
                state.items.removeFirst(excess)
                metrics.dropped.add(excess)
            }
            metrics.length.set(state.items.count)
            defer { state.isWorking = true }
            return !state.isWorking
        }
        if mustStart { WorkerThread(name: "forward") { [self] in work() }.detach() }
    }

    /// Sends what is there for so many seconds at most, then nothing any more.
    func end(within seconds: Double) {
        state.change { $0.isEnding = true }
        let deadline = Timestamp.monotonic.adding(seconds: seconds)
        _ = state.wait(until: deadline) { $0.isWorking ? nil : true }
        stop.stop()
    }

    private func work() {
        let client = Result { () throws(HTTPFailure) in
            try AlertmanagerClient(endpoint, userAgent: userAgent)
        }
        while let batch = next() {
            let begin = Timestamp.monotonic
            let failure: String?
            switch client {
            case .success(let client): failure = client.post(PostableAlerts.json(batch.map(\.notice)), stop)
            case .failure(let error): failure = error.description
            }
            if stop.isStopped, failure != nil { break }
            metrics.latency.observe(Timestamp.monotonic.seconds(since: begin))
            metrics.sent.add(batch.count)
            if failure != nil {
                metrics.errors.add(batch.count)
                metrics.dropped.add(batch.count)
            }
            let isNews = state.withLock { state in
                defer { state.failure = failure }
                return (state.failure == nil) != (failure == nil)
            }
            if isNews { say(failure) }
            report(failure == nil, batch.map(\.id))
        }
        state.change { $0.isWorking = false }
    }

    private func next() -> [Item]? {
        state.change { state in
            guard !state.items.isEmpty, !stop.isStopped else {
                state.isWorking = false
                return nil
            }
            let batch = Array(state.items.prefix(Self.largestBatch))
            state.items.removeFirst(batch.count)
            metrics.length.set(state.items.count)
            return batch
        }
    }
}

/// A kept connection, for the thread that made it.
private final class AlertmanagerClient {
    private var client: HTTPClient
    private let timeout: Double

    init(_ endpoint: AlertmanagerEndpoint, userAgent: String) throws(HTTPFailure) {
        client = try HTTPClient(endpoint.target, configuration: endpoint.http, userAgent: userAgent)
        timeout = endpoint.timeout
        _ = client.reloadCredentials()
    }

    /// Nil where it was taken.
    func post(_ body: [UInt8], _ stop: StopToken) -> String? {
        do throws(HTTPFailure) {
            let answer = try client.post(body.span.bytes, headers: [ServiceClient.json], timeout: timeout, stop: stop)
            if (200..<300).contains(answer.status) { return nil }
            return "status \(answer.status)" + ServiceClient.excerpt(answer.body)
        } catch {
            return error.description
        }
    }
}

extension Relabeler {
    /// Nil for one that is dropped or left without labels.
    func applied(to item: AlertmanagerQueue.Item) -> AlertmanagerQueue.Item? {
        guard let labels = apply(item.notice.labels), labels.count > 0 else { return nil }
        var result = item
        result.notice.labels = labels
        return result
    }
}

/// What is counted of one Alertmanager, under Prometheus's names.
private struct AlertmanagerMetrics: Sendable {
    let sent: Counter
    let errors: Counter
    let dropped: Counter
    let length: Gauge
    let latency: Histogram

    init(_ metrics: MetricRegistry, _ url: String) {
        let labels: LabelSet = ["alertmanager": url]
        sent = metrics.counter(
            "prometheus_notifications_sent_total", help: "Alerts in requests to an Alertmanager.", labels)
        errors = metrics.counter(
            "prometheus_notifications_errors_total", help: "Alerts in requests to an Alertmanager that failed.", labels)
        dropped = metrics.counter(
            "prometheus_notifications_dropped_total",
            help:
                "Alerts that a request which failed or a full queue kept from an Alertmanager until they are sent again.",
            labels)
        length = metrics.gauge(
            "prometheus_notifications_queue_length", help: "Alerts that wait for an Alertmanager.", labels)
        latency = metrics.histogram(
            "prometheus_notifications_latency_seconds", help: "How long requests to an Alertmanager took.",
            bounds: [0.01, 0.1, 1, 10], labels)
        metrics.gauge(
            "prometheus_notifications_queue_capacity", help: "Alerts that may wait for an Alertmanager.", labels
        ).set(AlertmanagerQueue.capacity)
    }
}
