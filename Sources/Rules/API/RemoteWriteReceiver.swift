import Bytes
import Synchronization
import Telemetry

/// Takes samples that others send by Prometheus's remote write 1.0, for tests and sidecars.
///
/// Series that nothing came for since ten minutes are forgotten. Beyond `maximumSeries` further ones are refused, with what the
/// request has besides them taken. Safe from any thread.
package final class RemoteWriteReceiver: Sendable {
    private struct Known {
        var series: Series
        /// Seconds of the monotonic clock.
        var seen: Double
    }

    private struct State {
        var known: [LabelSet: Known] = [:]
        var swept = 0.0
    }

    private let sink: any SampleSink
    private let maximumSeries: Int
    private let state = Mutex(State())

    /// Of a body, uncompressed.
    private static let largestMessage = 32 << 20
    private static let forgottenAfter = 600.0

    package init(sink: any SampleSink, maximumSeries: Int) {
        self.sink = sink
        self.maximumSeries = maximumSeries
    }

    /// What to answer: a status of HTTP, and a sentence where that is not 204.
    package func receive(
        _ body: [UInt8], contentType: String, contentEncoding: String
    ) -> (status: Int, message: String) {
        let type = contentType.split(separator: ";").map { $0.filter { $0 != " " }.lowercased() }
        // A page in a browser can send what has no type, or another one, without asking first.
        guard type.first == "application/x-protobuf" else {
            return (
                415, "expected application/x-protobuf, found \(contentType.isEmpty ? "no content type" : contentType)"
            )
        }
        if let proto = type.first(where: { $0.hasPrefix("proto=") }), proto != "proto=prometheus.writerequest" {
            return (415, "only remote write 1.0 is taken (prometheus.WriteRequest), not \(proto)")
        }
        guard contentEncoding.isEmpty || contentEncoding.lowercased() == "snappy" else {
            return (415, "expected snappy, found \(contentEncoding)")
        }
        var message = ByteBuffer(capacity: body.count * 4)
        do throws(SnappyError) {
            try Snappy.uncompress(body.span.bytes, into: &message, limit: Self.largestMessage)
        } catch {
            return (400, "\(error)")
        }
        return take(WriteRequestDecoder(message.bytes.withUnsafeBytes { Array($0) }))
    }

    private func take(_ request: WriteRequestDecoder) -> (status: Int, message: String) {
        var batch = SeriesBatch()
        let now = Timestamp.monotonic
        let seconds = Double(now.nanoseconds) / 1e9
        return state.withLock { state in
            var refused = 0
            do throws(WriteRequestError) {
                try request.timeSeries { (labels, samples) throws(WriteRequestError) in
                    guard let series = series(labels, &state, seconds) else {
                        refused += 1
                        return
                    }
                    for sample in samples {
                        batch.samples.append(
                            SeriesSample(series: series, timestamp: sample.timestamp, value: sample.value))
                    }
                }
            } catch {
                return (400, error.description)
            }
            // Under the lock, as a sink has one source at a time.
            if !batch.samples.isEmpty { sink.append(batch) }
            return refused == 0
                ? (204, "") : (400, "\(refused) series beyond the \(maximumSeries) that are taken were left out")
        }
    }

    private func series(_ labels: LabelSet, _ state: inout State, _ now: Double) -> Series? {
        if let known = state.known[labels] {
            state.known[labels]?.seen = now
            return known.series
        }
        if state.known.count >= maximumSeries || now - state.swept > Self.forgottenAfter {
            state.swept = now
            state.known = state.known.filter { now - $0.value.seen < Self.forgottenAfter }
        }
        guard state.known.count < maximumSeries else { return nil }
        let series = Series(labels: labels, metadata: MetricMetadata(name: labels["__name__"] ?? ""))
        state.known[labels] = Known(series: series, seen: now)
        return series
    }
}
