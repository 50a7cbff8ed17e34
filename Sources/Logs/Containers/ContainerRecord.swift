import Telemetry

/// Which of a container's two outputs a line was written to.
package enum ContainerStream: UInt8, Sendable, CaseIterable {
    case stdout, stderr

    /// As docker and CRI name it.
    package var name: String { self == .stdout ? "stdout" : "stderr" }
}

/// What a container runtime's log line says about the text it carries; the text itself goes into a buffer.
package struct ContainerRecord: Sendable, Equatable {
    package var time: Timestamp
    package var stream: ContainerStream
    /// The text is a piece; the same stream's next record goes on with it.
    package var isPartial: Bool

    package init(time: Timestamp, stream: ContainerStream, isPartial: Bool) {
        self.time = time
        self.stream = stream
        self.isPartial = isPartial
    }
}
