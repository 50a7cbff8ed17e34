import Logging
import Logs
import Synchronization
import Telemetry
import Transport

/// Ships the store's blocks to one Loki, in order, on a thread of its own, and keeps how far it has come.
///
/// Nothing it holds is lost when it ends: what has not been acknowledged is still in the store. libcurl is loaded when the
/// first block is to be sent.
package final class LokiShipper: Sendable {
    private let context: ShipperContext
    private let feed: any RecordFeed
    private let target: HTTPTarget
    private let quarantineDirectory: String
    private let userAgent: String
    private let finished = StopToken()
    private let thread = Mutex<WorkerThread?>(nil)

    /// Throws when the URL is none. `userAgent` is `tocsin/VERSION`.
    package init(
        configuration: ClientConfiguration, feed: any RecordFeed, metrics: MetricRegistry, readiness: Readiness,
        logger: Logger, quarantineDirectory: String, userAgent: String = "tocsin"
    ) throws(HTTPTargetError) {
        target = try HTTPTarget(parsing: configuration.url)
        context = ShipperContext(
            configuration: configuration,
            metrics: ShipperMetrics(metrics, destination: configuration.name, host: target.authority),
            readiness: readiness, logger: logger, stopping: StopToken(), aborting: StopToken())
        self.feed = feed
        self.quarantineDirectory = quarantineDirectory
        self.userAgent = userAgent
    }

    /// Registers with the feed and begins to send. Once.
    package func start() {
        let state = feed.register(destination: context.configuration.name)
        let published = Progress(state.oldest)
        context.metrics.publishLag { [feed] in feed.backlog(from: published.location) }
        context.readiness.set(context.part, .ok)
        let worker = WorkerThread(name: "ship-\(context.configuration.name)") {
            [context, feed, target, quarantineDirectory, userAgent, finished] in
            let lane = DeliveryLane(
                context, feed: feed, state: state, target: target, userAgent: userAgent,
                quarantineDirectory: quarantineDirectory, progress: published)
            lane.run()
            finished.stop()
        }
        thread.withLock { $0 = worker }
    }

    /// Sends what is in the store for at most `deadline` seconds more, or until a try fails, and ends. A request still
    /// under way then is given up; it will be sent again.
    package func stop(deadline: Double) {
        context.stopping.stop()
        finished.wait(seconds: deadline)
        context.aborting.stop()
        let worker = thread.withLock { thread -> WorkerThread? in
            defer { thread = nil }
            return thread
        }
        worker?.join()
        context.readiness.remove(context.part)
    }

    /// After `stop`, for a destination that is configured no more: forgets its cursor and its metrics.
    package func remove() {
        feed.unregister(destination: context.configuration.name)
        context.metrics.remove()
    }
}

/// How far a destination has come, for whoever asks from another thread.
final class Progress: Sendable {
    private let current: Mutex<RecordLocation>

    init(_ location: RecordLocation) { current = Mutex(location) }

    var location: RecordLocation {
        get { current.withLock { $0 } }
        set { current.withLock { $0 = newValue } }
    }
}
