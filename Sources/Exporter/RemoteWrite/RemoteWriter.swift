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

    /// Opens the queue in `directory`, this remote write's own. Throws a sentence that says what is wrong with the URL, a
    /// rule or the directory. `userAgent` is `tocsin/VERSION`.
    package init(
        configuration: RemoteWriteConfiguration, directory: String, metrics registry: MetricRegistry,
        readiness: Readiness, logger: Logger, userAgent: String
    ) throws {
        let target = try HTTPTarget(parsing: configuration.url)
        let relabeler =
            configuration.writeRelabelConfigs.isEmpty ? nil : try Relabeler(configuration.writeRelabelConfigs)
        let metrics = RemoteWriteMetrics(
            registry, name: configuration.name, url: target.description,
            maxSamplesPerSend: configuration.queueConfig.maxSamplesPerSend,
            capacity: configuration.queueConfig.capacity)
        let queue: DiskQueue
        do throws(DiskQueueError) {
            queue = try DiskQueue(
                directory: directory, maxSize: configuration.queue.maxSize, logger: logger,
                onDrop: { metrics.dropped($0, $1, $2) })
        } catch {
            metrics.remove()
            throw error
        }
        let intake = Intake(configuration, relabeler: relabeler, queue: queue, metrics: metrics)
        metrics.publish(queue) { intake.samples }
        context = SendContext(
            configuration: configuration, target: target, userAgent: userAgent, queue: queue, intake: intake,
            metrics: metrics, readiness: readiness, logger: logger)
    }

    /// Begins to write and to send. Once.
    package func start() {
        context.readiness.set(context.part, .ok)
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
    /// thread; a series' samples in the order of their time.
    package func append(_ batch: borrowing SeriesBatch) { context.intake.append(batch) }

    /// Writes what was appended to the queue, sends what is in it for at most `deadline` seconds or until a try fails, and
    /// ends. What is not sent stays in the queue.
    package func stop(deadline: Double) {
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
        context.queue.close()
        context.readiness.remove(context.part)
    }

    /// After `stop`, for a remote write that is configured no more: forgets its metrics. Its queue stays.
    package func removeMetrics() { context.metrics.remove() }

    /// Samples that are not sent yet, in memory or on disk.
    package var pendingSamples: Int { context.queue.samples + context.intake.samples }
}
