import Bytes
import Telemetry

/// Turns the lines of containers into entries of their streams.
struct DockerLogWriter: ~Copyable {
    private(set) var entries: EntryWriter
    private let configuration: DockerConfiguration
    private let limits: LineLimits
    private let relabel: @Sendable (LabelSet) -> LabelSet?
    private let truncated: Counter
    private let lines: Counter
    private let bytes: Counter
    private var line = ByteBuffer()
    private var metadata = ByteBuffer()
    /// When the oldest line that is not committed came, on the monotonic clock.
    private(set) var oldestPending: Timestamp? {
        didSet { pendingSince.set(oldestPending.map { Double($0.nanoseconds) / 1e9 } ?? 0) }
    }
    /// The same for who reads the metrics, 0 for nothing.
    private let pendingSince: Gauge

    init(
        metrics: MetricRegistry, source: String, job: String, configuration: DockerConfiguration, limits: LineLimits,
        relabel: @escaping @Sendable (LabelSet) -> LabelSet?
    ) {
        entries = EntryWriter(metrics: EntryMetrics(metrics, source: source))
        truncated = metrics.counter(
            "tocsin_source_truncated_lines_total", help: "Lines longer than the source keeps, cut off at the cap.",
            ["source": source])
        lines = metrics.counter(
            "tocsin_source_read_lines_total", help: "Lines read from the source.", ["source": source, "job": job])
        bytes = metrics.counter(
            "tocsin_source_read_bytes_total", help: "Bytes read from the source.", ["source": source, "job": job])
        let pendingSince = Gauge()
        self.pendingSince = pendingSince
        metrics.computed(
            "tocsin_source_lag_seconds", help: "Age of the oldest bytes not yet stored, in seconds.",
            ["source": source]
        ) {
            let since = pendingSince.current
            return since == 0 ? 0 : max(0, Double(Timestamp.monotonic.nanoseconds) / 1e9 - since)
        }
        self.configuration = configuration
        self.limits = limits
        self.relabel = relabel
    }

    var maxJoinedSize: Int { limits.maxJoinedSize }

    /// Takes all whole lines out of what has come from a container.
    mutating func drain(_ log: DockerContainerLog) throws(DockerAPIError) {
        while let record = try log.frames.next(&line) { append(log, record) }
    }

    /// Takes what is left of a container that has ended.
    mutating func finish(_ log: DockerContainerLog) throws(DockerAPIError) {
        log.frames.close()
        try drain(log)
        while let record = log.frames.rest(&line) { append(log, record) }
    }

    private mutating func append(_ log: DockerContainerLog, _ record: ContainerRecord) {
        if log.frames.isTruncated { truncated.add() }
        guard Self.admit(&log.position, record, line) else { return }
        log.isDirty = true
        lines.add()
        bytes.add(line.count)
        if oldestPending == nil { oldestPending = .monotonic }
        let destination = record.stream == .stdout ? log.output : log.errors
        guard case .stream(let stream) = destination else { return }
        Self.append(
            line, &metadata, stream, record.time, log.frames.isTruncated, limits.maxLineSize, to: &entries)
    }

    private static func admit(
        _ position: inout DockerLogPosition, _ record: ContainerRecord, _ line: borrowing ByteBuffer
    ) -> Bool {
        position.admit(record, line.bytes)
    }

    // The buffers are parameters of their own: a span of one of them borrows all of self.
    private static func append(
        _ line: borrowing ByteBuffer, _ metadata: inout ByteBuffer, _ stream: StreamID, _ time: Timestamp,
        _ isTruncated: Bool, _ limit: Int, to entries: inout EntryWriter
    ) {
        let text = line.bytes
        var start = 0
        var part = 1
        repeat {
            var end = min(text.byteCount, start + max(limit, 16))
            // Not in the middle of a character.
            while end < text.byteCount, end > start + 12, text.byte(at: end) & 0xc0 == 0x80 { end -= 1 }
            metadata.removeAll()
            if text.byteCount > limit { StructuredMetadata.append("line_part", "\(part)", to: &metadata) }
            if isTruncated, end == text.byteCount {
                StructuredMetadata.append("line_truncated", "true", to: &metadata)
            }
            entries.append(stream, time, text.slice(start, end), metadata: metadata.bytes)
            start = end
            part += 1
        } while start < text.byteCount
    }

    /// Gives a container's outputs their streams; false where both are left out.
    mutating func relabel(_ log: DockerContainerLog) -> Bool {
        let labels = log.container.metaLabels(hostNetworkingHost: configuration.hostNetworkingHost)
            .overridden(by: configuration.labels)
        forget(log)
        log.output = destination(labels, .stdout)
        log.errors = destination(labels, .stderr)
        if case .dropped = log.output, case .dropped = log.errors { return false }
        return true
    }

    private mutating func destination(_ labels: LabelSet, _ stream: ContainerStream) -> DockerContainerLog.Destination {
        var labels = labels
        labels["__meta_docker_container_log_stream"] = stream.name
        guard let result = relabel(labels) else { return .dropped }
        let final = LabelSet(result.labels.filter { !$0.name.hasPrefix("__") })
        guard !final.isEmpty else { return .dropped }
        return .stream(entries.stream(labels: final, tenant: result["__tenant_id__"] ?? ""))
    }

    mutating func forget(_ log: DockerContainerLog) {
        var known: [StreamID] = []
        if case .stream(let stream) = log.output { known.append(stream) }
        // Both outputs may be one stream.
        if case .stream(let stream) = log.errors, !known.contains(stream) { known.append(stream) }
        for stream in known { entries.forget(stream) }
        log.output = .unknown
        log.errors = .unknown
    }

    /// Commits everything pending with the positions of `logs`, and takes the positions `gone` out of the store.
    mutating func commit(
        _ logs: [DockerContainerLog], source: String, forgetting gone: [String], _ context: SourceContext
    ) throws(CommitError) {
        let dirty = logs.filter(\.isDirty)
        guard !dirty.isEmpty || !gone.isEmpty else { return }
        var positions = dirty.map { PositionUpdate(key: "\(source)/\($0.container.id)", value: $0.position.encoded) }
        positions += gone.map { PositionUpdate(key: $0, value: []) }
        try entries.commit(positions: positions, to: context.store, stop: context.stop)
        for log in dirty { log.isDirty = false }
        oldestPending = nil
    }

    mutating func releaseMemory() {
        entries.releaseMemory()
        line.release()
    }
}
