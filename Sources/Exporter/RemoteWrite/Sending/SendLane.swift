import Bytes
import CLinux
import Logging
import Telemetry
import Transport

/// What the sending thread shares with who starts it.
struct SendContext: Sendable {
    let configuration: RemoteWriteConfiguration
    let target: HTTPTarget
    let userAgent: String
    let queue: DiskQueue
    let intake: Intake
    let metrics: RemoteWriteMetrics
    let condition: RemoteWriteCondition
    let logger: Logger
    /// Send what there is at once, then end; end at the first failure.
    let stopping = StopToken()
    /// End now.
    let aborting = StopToken()
}

/// The loop of one remote write: reads the queue at its cursor, makes requests of what it finds, sends one after another,
/// and moves the cursor on. For its own thread.
final class SendLane {
    let context: SendContext
    /// 1.0 once the server has refused 2.0.
    var message: RemoteWriteMessage
    private var encoder = RequestEncoder()
    private var reader = QueueReader()
    /// The records of the batch, compressed one after another, and where each ends.
    private var records = ByteBuffer()
    private var batch = SendBatch()
    private var scratch = ByteBuffer()
    private(set) var request = ByteBuffer()
    private var poster: RemoteWritePoster?
    var trouble = SendTrouble()
    private var metadataDue: Timestamp

    init(_ context: SendContext) {
        self.context = context
        message = context.configuration.message
        metadataDue = Timestamp.monotonic.later(seconds: context.configuration.metadataConfig.sendInterval)
    }

    func run() {
        var isAtRest = true
        while !context.aborting.isStopped {
            guard waitForWork() else {
                if context.stopping.isStopped { break }
                if !isAtRest {
                    isAtRest = true
                    release()
                }
                sendMetadata()
                continue
            }
            isAtRest = false
            sendMetadata()
            guard collect() else {
                if context.stopping.wait(seconds: 1) { break }
                continue
            }
            guard batch.samples > 0 || batch.exemplars > 0 else {
                // Damage only.
                context.queue.acknowledge(batch.end, samples: 0, exemplars: 0)
                continue
            }
            guard sendBatch() else { break }
            context.queue.acknowledge(batch.end, samples: batch.samples, exemplars: batch.exemplars)
        }
        context.queue.saveCursor()
    }

    /// Whether there is something to be sent now. Waits for it for a while.
    private func waitForWork() -> Bool {
        let settings = context.configuration.queueConfig
        let waited = context.queue.oldestArrival.map { Double(Timestamp.now.milliseconds - $0) / 1000 }
        let left = max(0.001, settings.batchSendDeadline - max(0, waited ?? 0))
        let deadline = Timestamp.monotonic.later(seconds: min(1, left))
        let stopping = context.stopping
        let isDue = context.queue.state.wait(until: deadline) { state -> Bool? in
            if stopping.isStopped { return state.ledger.oldestArrival != nil }
            guard let arrived = state.ledger.oldestArrival else { return nil }
            if state.ledger.samples >= settings.maxSamplesPerSend { return true }
            // A clock that was set back must not make it wait.
            let age = Double(Timestamp.now.milliseconds - arrived) / 1000
            return age >= settings.batchSendDeadline || age < -1 ? true : nil
        }
        return isDue ?? false
    }

    /// Reads the records of the next batch. False where the queue cannot be read now.
    private func collect() -> Bool {
        batch = SendBatch(from: context.queue.acknowledged)
        records.removeAll()
        var damage = QueueDamage()
        defer {
            context.metrics.damagedBytes.add(damage.bytes)
            context.metrics.damagedRecords.add(damage.records)
            if damage != QueueDamage() {
                context.logger.warning(
                    """
                    remote write queue: \(damage.bytes) bytes are damaged or unfinished, \(damage.records) records are \
                    lost
                    """)
            }
        }
        let most = context.configuration.queueConfig.maxSamplesPerSend
        do throws(SystemError) {
            while batch.recordEnds.count < SendBatch.recordLimit, records.count < SendBatch.byteLimit {
                let limit = batch.recordEnds.isEmpty ? Int.max : most - batch.samples
                let result = try context.queue.read(
                    after: &batch.end, sampleLimit: limit, damage: &damage, &reader, into: &records)
                guard case .record(let header) = result else { break }
                batch.add(header, end: records.count)
            }
            return true
        } catch {
            trouble.report(.failed("its queue cannot be read: \(error)"), context)
            return false
        }
    }

    /// Encodes the batch for the message in use. False where none of its records can be read.
    func encode() -> Bool {
        encoder.begin(message)
        var start = 0
        var isAny = false
        for end in batch.recordEnds {
            scratch.removeAll()
            let block = records.bytes.slice(start, end)
            start = end
            do throws(SnappyError) {
                try Snappy.uncompress(block, into: &scratch)
                if encoder.add(scratch.bytes) {
                    isAny = true
                    continue
                }
            } catch {
                // As one that does not decode.
            }
            context.metrics.damagedRecords.add()
            context.logger.error("remote write queue: a record with an intact checksum cannot be decoded")
        }
        request.removeAll()
        _ = encoder.finish(into: &request, &scratch)
        return isAny
    }

    /// Sends the batch until its fate is settled. False when it is time to end.
    private func sendBatch() -> Bool {
        guard encode() else {
            context.metrics.dropped(batch.samples, batch.exemplars, .damaged)
            return true
        }
        return settle(batch)
    }

    /// Posts the request made last. Makes the client where there is none yet.
    func post(attempt: Int) throws(HTTPFailure) -> RemoteWriteAnswer {
        try connected().post(request, message, attempt: attempt)
    }

    private func connected() throws(HTTPFailure) -> RemoteWritePoster {
        if let poster { return poster }
        let client = try HTTPClient(
            context.target, configuration: context.configuration.http, userAgent: context.userAgent)
        let made = RemoteWritePoster(client, timeout: context.configuration.remoteTimeout, aborting: context.aborting)
        poster = made
        return made
    }

    var knowsWrittenCounts: Bool { poster?.knowsWrittenCounts ?? false }

    /// Sends all metadata when it is time; one try each time.
    private func sendMetadata() {
        let settings = context.configuration.metadataConfig
        guard settings.send, message == .v1, Timestamp.monotonic >= metadataDue, !context.stopping.isStopped else {
            return
        }
        metadataDue = Timestamp.monotonic.later(seconds: settings.sendInterval)
        let metrics = context.metrics
        for part in MetadataTable.requests(context.intake.metadata, limit: settings.maxSamplesPerSend) {
            let families = part.families
            var body = ByteBuffer()
            body.append(part.body)
            metrics.metadata.add(families)
            metrics.metadataBytes.add(body.count)
            do throws(HTTPFailure) {
                switch try connected().post(body, .v1, attempt: 0).verdict {
                case .taken: continue
                case .retry, .rateLimited: metrics.retriedMetadata.add(families)
                case .refused(let reason), .unknownMessage(let reason):
                    metrics.failedMetadata.add(families)
                    trouble.sayOnce("metadata", "the server refuses metadata: \(reason)", context)
                }
            } catch {
                metrics.retriedMetadata.add(families)
            }
            // What stands in the way of samples is told when samples meet it.
            return
        }
    }

    /// At rest only little is held.
    private func release() {
        reader.release()
        encoder.release()
        records.removeAll()
        records.release()
        scratch.removeAll()
        scratch.release()
        request.removeAll()
        request.release()
        clinux_trim_heap()
    }
}

/// The records that one request is made of.
struct SendBatch: Sendable {
    /// Records of one request, and compressed bytes after which no further one is taken.
    static let recordLimit = 1000
    static let byteLimit = 4 << 20

    var end: QueuePosition
    var recordEnds: [Int] = []
    var samples = 0
    var exemplars = 0
    /// Of the oldest record's first sample, milliseconds since 1970.
    var arrived = Int64.max
    /// Milliseconds since 1970.
    var newest = Int64.min

    init(from position: QueuePosition = .start) { end = position }

    mutating func add(_ header: QueueRecordHeader, end: Int) {
        recordEnds.append(end)
        samples += header.summary.samples
        exemplars += header.summary.exemplars
        arrived = min(arrived, header.arrived)
        newest = max(newest, header.summary.newest)
    }
}

extension Timestamp {
    func later(seconds: Double) -> Timestamp {
        Timestamp(nanoseconds: nanoseconds &+ Int64(min(max(0, seconds), 1e9) * 1e9))
    }
}
