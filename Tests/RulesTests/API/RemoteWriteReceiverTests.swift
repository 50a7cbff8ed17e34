import Bytes
import Rules
import Synchronization
import Telemetry
import Testing

@Suite("The receiver of remote write")
struct RemoteWriteReceiverTests {
    private final class Taken: SampleSink {
        let samples = Mutex<[SeriesSample]>([])

        func append(_ batch: borrowing SeriesBatch) {
            let new = batch.samples
            samples.withLock { $0 += new }
        }
    }

    private static func field(_ number: UInt64, _ bytes: [UInt8]) -> [UInt8] {
        precondition(bytes.count < 128)
        return [UInt8(number << 3 | 2), UInt8(bytes.count)] + bytes
    }

    private static func series(_ labels: [(String, String)], _ value: Double, _ time: UInt8) -> [UInt8] {
        let pairs = labels.flatMap { label in
            field(1, field(1, Array(label.0.utf8)) + field(2, Array(label.1.utf8)))
        }
        let bits = (0..<8).map { UInt8(truncatingIfNeeded: value.bitPattern >> (8 * $0)) }
        return field(1, pairs + field(2, [0x09] + bits + [0x10, time]))
    }

    private static func compressed(_ message: [UInt8]) -> [UInt8] {
        var buffer = ByteBuffer(capacity: 64)
        Snappy.compress(message.span.bytes, into: &buffer)
        return buffer.bytes.withUnsafeBytes { Array($0) }
    }

    private func receive(_ receiver: RemoteWriteReceiver, _ message: [UInt8]) -> (status: Int, message: String) {
        receiver.receive(
            Self.compressed(message), contentType: "application/x-protobuf", contentEncoding: "snappy")
    }

    @Test("samples arrive, and a series stays the same object")
    func samples() {
        let taken = Taken()
        let receiver = RemoteWriteReceiver(sink: taken, maximumSeries: 10)
        let name = ("__name__", "up")
        #expect(receive(receiver, Self.series([("job", "a"), name], 1.5, 7)).status == 204)
        #expect(receive(receiver, Self.series([name, ("job", "a"), ("empty", "")], 2, 8)).status == 204)
        let samples = taken.samples.withLock { $0 }
        #expect(samples.map(\.value) == [1.5, 2])
        #expect(samples.map(\.timestamp) == [7, 8])
        #expect(samples[0].series === samples[1].series)
        #expect(samples[0].series.labels == ["__name__": "up", "job": "a"])
    }

    @Test("what is no request of version 1 is refused")
    func refused() {
        let receiver = RemoteWriteReceiver(sink: Taken(), maximumSeries: 1)
        func status(_ body: [UInt8], _ type: String = "application/x-protobuf", _ encoding: String = "snappy") -> Int {
            receiver.receive(body, contentType: type, contentEncoding: encoding).status
        }
        #expect(status([1, 2, 3]) == 400)
        #expect(status(Self.compressed([0x0a, 0x7f])) == 400)
        #expect(status(Self.compressed(Self.series([("a", "b")], 1, 1))) == 400)
        #expect(status([], "application/json") == 415)
        #expect(status([], "application/x-protobuf;proto=io.prometheus.write.v2.Request") == 415)
        #expect(status([], "application/x-protobuf", "gzip") == 415)
        #expect(status(Self.compressed([])) == 204)
    }

    @Test("series beyond the limit are left out, the others taken")
    func limited() {
        let taken = Taken()
        let receiver = RemoteWriteReceiver(sink: taken, maximumSeries: 1)
        let message = Self.series([("__name__", "a")], 1, 1) + Self.series([("__name__", "b")], 2, 1)
        #expect(receive(receiver, message).status == 400)
        #expect(taken.samples.withLock { $0.map(\.value) } == [1])
        #expect(receive(receiver, Self.series([("__name__", "a")], 3, 2)).status == 204)
    }
}
