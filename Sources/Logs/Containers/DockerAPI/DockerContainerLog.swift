import Bytes
import Telemetry

/// One container whose log is read through the API.
final class DockerContainerLog {
    var container: DockerContainer
    var connection: DockerConnection?
    var frames: DockerLogFrames
    var position: DockerLogPosition
    /// Lines were taken that the store has not yet.
    var isDirty = false
    /// The run of the container (`startedAt`) that has been read to its end.
    var drainedRun: String?
    /// dockerd's answer where it is not a log.
    var refusal = ByteBuffer()
    var output = Destination.unknown
    var errors = Destination.unknown
    /// When to connect again, on the monotonic clock, and how long to wait after the next failure.
    var nextAttempt = Timestamp(nanoseconds: 0)
    private var pause = 1.0

    /// Where the lines of one of its outputs go.
    enum Destination { case unknown, dropped, stream(StreamID) }

    init(_ container: DockerContainer, position: DockerLogPosition, maxJoinedSize: Int) {
        self.container = container
        self.position = position
        frames = DockerLogFrames(isTerminal: container.isTerminal, maxJoinedSize: maxJoinedSize)
    }

    /// Whether there is something to read that is not being read.
    var wantsConnection: Bool { connection == nil && drainedRun != container.startedAt }

    /// Asks for the log from its position on.
    func open(socket: String, maxJoinedSize: Int) throws(DockerAPIError) {
        frames = DockerLogFrames(isTerminal: container.isTerminal, maxJoinedSize: maxJoinedSize)
        refusal.removeAll()
        position.beginReplay()
        let since = position.since.map { "&since=\($0)" } ?? ""
        connection = try DockerConnection(
            socket: socket,
            target: "/containers/\(container.id)/logs?follow=1&stdout=1&stderr=1&timestamps=1\(since)")
    }

    /// What dockerd says instead of a log; its first bytes may have come along with the head.
    var refusalText: String { Self.text(frames.body) + Self.text(refusal) }

    private static func text(_ buffer: borrowing ByteBuffer) -> String { String(lossy: buffer.bytes) }

    func failed() {
        connection = nil
        nextAttempt = Timestamp(nanoseconds: Timestamp.monotonic.nanoseconds + Int64(pause * 1e9))
        pause = min(60, pause * 2)
    }

    func succeeded() { pause = 1 }
}
