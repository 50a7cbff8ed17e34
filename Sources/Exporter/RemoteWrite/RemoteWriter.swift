import Logging
import Synchronization
import Telemetry
import Transport

/// Sends samples to one Prometheus-compatible server: remote write 1.0 or 2.0, one request at a time, oldest first, from a
/// bounded queue on disk that outlives the process.
///
/// `append` takes a batch over and returns. Within a second it is in the queue: a process that is killed loses at most
/// what it was given in the last second, leaves no half record and sends the rest after its next start. `batch_send_deadline`
/// later at most it is sent. What a server refuses for good (4xx) is dropped and counted; everything else is tried until it
/// succeeds, or its place is needed, or it is too old.
package final class RemoteWriter: SampleSink {
    private let context: SendContext
    private let finished = StopToken()
    private let threads = Mutex<[WorkerThread]>([])

    /// Takes what `parts` has prepared. `userAgent` is `tocsin/VERSION`.
    package init(
        _ parts: RemoteWriteParts, metrics registry: MetricRegistry, readiness: Readiness, logger: Logger,
        userAgent: String
    ) {
        let configuration = parts.configuration
        let metrics = RemoteWriteMetrics(
            registry, name: configuration.name, url: parts.target.description,
            maxSamplesPerSend: configuration.queueConfig.maxSamplesPerSend,
            capacity: configuration.queueConfig.capacity)
        let condition = RemoteWriteCondition(readiness: readiness, name: configuration.name, logger: logger)
        let intake = Intake(
            configuration, relabeler: parts.relabeler, queue: parts.queue, metrics: metrics, condition: condition)
        context = SendContext(
            configuration: configuration, target: parts.target, userAgent: userAgent, queue: parts.queue,
            intake: intake, metrics: metrics, condition: condition, logger: logger)
    }

    /// As above, for a queue that nobody has open: prepares the parts itself.
    package convenience init(
        configuration: RemoteWriteConfiguration, directory: String, metrics: MetricRegistry, readiness: Readiness,
        logger: Logger, userAgent: String
    ) throws {
        self.init(
            try RemoteWriteParts(configuration, directory: directory, logger: logger), metrics: metrics,
            readiness: readiness, logger: logger, userAgent: userAgent)
    }

    /// What it was made from.
    package var configuration: RemoteWriteConfiguration { context.configuration }
    /// For its successor.
    var queue: DiskQueue { context.queue }

    /// Begins to write and to send. Once; after the end of the one whose queue it has.
    package func start() {
        let metrics = context.metrics
        let intake = context.intake
        let condition = context.condition
        context.queue.serve(maxSize: context.configuration.queue.maxSize) { samples, exemplars, reason in
            metrics.dropped(samples, exemplars, reason)
            condition.lost(reason)
        }
        metrics.publish(context.queue) { intake.samples }
        context.condition.show(sending: .ok)
        let context = context
        let finished = finished
        let writing = WorkerThread(name: "rw-queue") { context.intake.run() }
        let sending = WorkerThread(name: "rw-\(context.configuration.name)") {
            SendLane(context).run()
            finished.stop()
        }
        threads.withLock { $0 = [writing, sending] }
    }

    /// Takes `batch` over without waiting; what is over the bound (`queue_config.capacity`) is dropped and counted. From any
    /// thread, before the start too; a series' samples in the order of their time.
    package func append(_ batch: borrowing SeriesBatch) { context.intake.append(batch) }

    /// Writes what was appended to the queue, sends what is in it for at most `deadline` seconds or until a try fails, and
    /// ends. What is not sent stays in the queue, with which `successor`, not yet started, may go on.
    package func stop(deadline: Double, successor: RemoteWriter? = nil) {
        let threads = threads.withLock { threads -> [WorkerThread] in
            defer { threads = [] }
            return threads
        }
        let begin = Timestamp.monotonic
        context.intake.stop()
        threads.first?.join()
        context.stopping.stop()
        // Wakes who waits for records.
        context.queue.state.change { _ in }
        if threads.count > 1 {
            finished.wait(seconds: max(0, deadline - Timestamp.monotonic.seconds(since: begin)))
            context.aborting.stop()
            threads[1].join()
        }
        if let successor {
            if successor.context.metrics.labels != context.metrics.labels { removeMetrics() }
        } else {
            context.queue.close()
        }
        context.condition.end()
    }

    /// After `stop`, for a remote write that is configured no more: forgets its metrics. Its queue stays.
    package func removeMetrics() { context.metrics.remove() }

    /// Samples that are not sent yet, in memory or on disk.
    package var pendingSamples: Int { context.queue.samples + context.intake.samples }
}
