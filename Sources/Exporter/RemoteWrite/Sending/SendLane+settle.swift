import Bytes
import Logging
import Telemetry
import Transport

extension SendLane {
    /// Sends the request made last until its fate is settled: taken, refused, too old. False when it is time to end; it
    /// stays in the queue then.
    func settle(_ batch: SendBatch) -> Bool {
        let settings = context.configuration.queueConfig
        let metrics = context.metrics
        var backoff = Backoff(minimum: settings.minBackoff, maximum: settings.maxBackoff)
        var attempt = 0
        while true {
            if isTooOld(batch) {
                metrics.dropped(batch.samples, batch.exemplars, .tooOld)
                context.condition.lost(.tooOld)
                return true
            }
            metrics.samples.add(batch.samples)
            metrics.exemplars.add(batch.exemplars)
            metrics.bytes.add(request.count)
            let start = Timestamp.monotonic
            var retryAfter: Double?
            do throws(HTTPFailure) {
                let answer = try post(attempt: attempt)
                metrics.duration.observe(Timestamp.monotonic.seconds(since: start))
                retryAfter = answer.retryAfter
                switch answer.verdict {
                case .taken:
                    taken(batch, answer.written)
                    return true
                case .unknownMessage(let reason) where message == .v2:
                    message = .v1
                    context.logger.warning(
                        "the server does not know remote write 2.0 and gets 1.0 until the agent is started again; set protobuf_message to prometheus.WriteRequest",
                        metadata: ["remote_write": "\(context.configuration.name)", "answer": "\(reason)"])
                    guard encode() else { return true }
                    attempt = 0
                    continue
                case .refused(let reason), .unknownMessage(let reason):
                    refused(batch, reason, answer.written)
                    return true
                case .rateLimited(let reason):
                    guard settings.retryOnRateLimit else {
                        refused(batch, reason, answer.written)
                        return true
                    }
                    trouble.report(.degraded("the server limits the rate: \(reason)"), context)
                case .retry(let reason):
                    trouble.report(.degraded("sending fails and is tried again: \(reason)"), context)
                }
            } catch {
                metrics.duration.observe(Timestamp.monotonic.seconds(since: start))
                switch error {
                case .stopped: return false
                case .timedOut, .connection:
                    trouble.report(.degraded("sending fails and is tried again: \(error)"), context)
                default: trouble.report(.failed("\(error)"), context)
                }
            }
            attempt += 1
            metrics.retriedSamples.add(batch.samples)
            metrics.retriedExemplars.add(batch.exemplars)
            // It is safe in the queue: a server in trouble must not hold up the end.
            if context.stopping.isStopped { return false }
            let pause = max(backoff.next(), min(retryAfter ?? 0, 3600))
            if context.stopping.wait(seconds: pause) {
                // One last try.
                if context.aborting.isStopped { return false }
            }
        }
    }

    private func isTooOld(_ batch: SendBatch) -> Bool {
        let now = Timestamp.now.milliseconds
        let ageLimit = context.configuration.queueConfig.sampleAgeLimit
        if ageLimit > 0, Double(now - batch.newest) / 1000 > ageLimit { return true }
        let maxAge = context.configuration.queue.maxAge
        return maxAge > 0 && Double(now - batch.arrived) / 1000 > maxAge
    }

    private func taken(_ batch: SendBatch, _ written: WrittenCounts) {
        trouble.recovered(context)
        if batch.samples > 0 { context.metrics.sent(newest: batch.newest) }
        guard message == .v2, knowsWrittenCounts else { return }
        let missing = batch.samples - min(batch.samples, max(0, written.samples ?? 0))
        guard missing > 0 else { return trouble.forget("unconfirmed") }
        context.metrics.unconfirmedSamples.add(missing)
        let said = written.samples.map { "says that it wrote \($0) of \(batch.samples) samples" }
        trouble.sayOnce(
            "unconfirmed",
            "the server answers 2xx and \(said ?? "does not say how many samples it wrote"); they count as sent",
            context)
    }

    private func refused(_ batch: SendBatch, _ reason: String, _ written: WrittenCounts) {
        context.metrics.failedSamples.add(batch.samples - min(batch.samples, max(0, written.samples ?? 0)))
        context.metrics.failedExemplars.add(batch.exemplars - min(batch.exemplars, max(0, written.exemplars ?? 0)))
        trouble.refused(reason, context)
    }
}
