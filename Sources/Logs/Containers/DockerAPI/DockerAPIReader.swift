import Bytes
import Glibc
import Logging
import Telemetry

/// The loop of `DockerAPISource`: finds containers, follows their logs, commits.
struct DockerAPIReader: ~Copyable {
    private let source: String
    private let socket: String
    private let configuration: DockerConfiguration
    private let discovery: DockerDiscovery
    private let client: DockerClient
    private let context: SourceContext
    private var writer: DockerLogWriter
    private var logs: [DockerContainerLog] = []
    /// Containers that others read: a container never changes its driver.
    private var others: Set<String> = []
    private var events: DockerConnection?
    private var scratch = ByteBuffer()
    private var nextLook = Timestamp(nanoseconds: 0)
    /// Troubles of single containers since the last look.
    private var problem: String?

    init(
        source: String, socket: String, configuration: DockerConfiguration, writer: consuming DockerLogWriter,
        context: SourceContext
    ) {
        self.source = source
        self.socket = socket
        self.configuration = configuration
        self.writer = writer
        self.context = context
        discovery = DockerDiscovery(configuration)
        client = DockerClient(path: socket, stop: context.stop)
    }

    mutating func run() throws(DockerAPIError) {
        do throws(DockerAPIError) {
            while !context.stop.isStopped {
                if Timestamp.monotonic >= nextLook { try look() }
                connect()
                try receive(wait())
                try commitIfDue()
            }
        } catch {
            // What has been read well is kept whatever the error.
            try commit()
            throw error
        }
        try commit()
    }

    // MARK: which containers there are

    private mutating func look() throws(DockerAPIError) {
        nextLook = after(max(1, configuration.refreshInterval))
        writer.releaseMemory()
        // Who wants events hears of the first such container at once.
        let listens = configuration.useEvents && ContainerFiles.exists(socket)
        guard listens || !logs.isEmpty || discovery.mayNeedAPI(socket: socket) else {
            context.readiness.set("source/\(source)", .ok)
            return
        }
        if configuration.useEvents, events == nil {
            let filter = "%7B%22type%22%3A%5B%22container%22%5D%7D"
            events = try DockerConnection(socket: socket, target: "/events?filters=\(filter)")
        }
        guard let list = try client.get("/containers/json?all=1"), case .array(let entries) = list else {
            throw DockerAPIError(
                description: "what answers at \(socket) is not docker: it has no list of containers; "
                    + "`host` of docker_sd_configs names docker's socket")
        }
        let present = entries.compactMap { $0["Id"]?.string }
        for id in present where !others.contains(id) { try look(at: id) }
        others.formIntersection(present)
        for log in logs where !present.contains(log.container.id) { try remove(log) }
        try forget(allBut: present)
        context.readiness.set("source/\(source)", problem.map { .degraded($0) } ?? .ok)
        problem = nil
    }

    private mutating func look(at id: String) throws(DockerAPIError) {
        // It may have gone since.
        guard let config = try client.get("/containers/\(id)/json"),
            let container = DockerContainer(config: config, hostConfig: nil)
        else { return }
        guard DockerDiscovery.needsAPI(container.logDriver),
            DockerFilter(filters: configuration.filters).accepts(container)
        else {
            if !DockerDiscovery.needsAPI(container.logDriver) { others.insert(id) }
            return
        }
        if let known = logs.first(where: { $0.container.id == id }) {
            let isRelabelled = known.container.name != container.name || known.container.networks != container.networks
            known.container = container
            if isRelabelled { _ = writer.relabel(known) }
            return
        }
        let position = context.store.position("\(source)/\(id)").flatMap { DockerLogPosition(encoded: $0) }
        let log = DockerContainerLog(
            container, position: position ?? DockerLogPosition(), maxJoinedSize: writer.maxJoinedSize)
        if writer.relabel(log) { logs.append(log) }
    }

    private mutating func remove(_ log: DockerContainerLog) throws(DockerAPIError) {
        // While its connection is open there may be more to come; its end leads here again.
        guard log.connection == nil else { return }
        try commit()
        writer.forget(log)
        logs.removeAll { $0 === log }
    }

    /// Positions of containers that are gone.
    private mutating func forget(allBut present: [String]) throws(DockerAPIError) {
        let kept = Set(present.map { "\(source)/\($0)" } + logs.map { "\(source)/\($0.container.id)" })
        let gone = context.store.positions(prefix: "\(source)/").map(\.key).filter { !kept.contains($0) }
        if !gone.isEmpty { try commit(forgetting: gone) }
    }

    // MARK: following

    private mutating func connect() {
        let now = Timestamp.monotonic
        for log in logs where log.wantsConnection && log.nextAttempt <= now {
            do throws(DockerAPIError) {
                try log.open(socket: socket, maxJoinedSize: writer.maxJoinedSize)
            } catch {
                fail(log, error)
            }
        }
    }

    /// Waits for bytes, the stop, or the next thing to do; returns the readable descriptors.
    private func wait() -> [Int32] {
        var due = nextLook
        if let oldest = writer.oldestPending {
            due = min(due, Timestamp(nanoseconds: oldest.nanoseconds + Int64(context.commitInterval * 1e9)))
        }
        for log in logs where log.wantsConnection { due = min(due, log.nextAttempt) }
        var polls = [pollfd(fd: context.stop.descriptor, events: Int16(POLLIN), revents: 0)]
        if let events { polls.append(pollfd(fd: events.descriptor, events: Int16(POLLIN), revents: 0)) }
        for log in logs {
            if let connection = log.connection {
                polls.append(pollfd(fd: connection.descriptor, events: Int16(POLLIN), revents: 0))
            }
        }
        let left = max(0, due.nanoseconds - Timestamp.monotonic.nanoseconds)
        poll(&polls, UInt(polls.count), Int32(clamping: (left + 999_999) / 1_000_000))
        return polls.filter { $0.revents != 0 }.map(\.fd)
    }

    private mutating func receive(_ readable: [Int32]) throws(DockerAPIError) {
        guard !readable.isEmpty else { return }
        if let events, readable.contains(events.descriptor) {
            scratch.removeAll()
            let progress = try? events.receive(into: &scratch)
            if progress != .open {
                self.events = nil
                // What happened since is found by a look, which opens the stream again. One that was refused is not
                // asked for more often than containers are looked for anyway.
                if events.status == 200 { nextLook = min(nextLook, after(1)) }
            }
            // A burst of events is one reason to look, not many.
            if scratch.count > 0 { nextLook = min(nextLook, after(0.2)) }
        }
        for log in logs {
            guard let connection = log.connection, readable.contains(connection.descriptor) else { continue }
            do throws(DockerAPIError) {
                try receive(log, connection)
            } catch {
                fail(log, error)
            }
            if writer.entries.isFull { try commit() }
        }
    }

    private mutating func receive(_ log: DockerContainerLog, _ connection: DockerConnection) throws(DockerAPIError) {
        let progress: DockerConnection.Progress
        if connection.status == 0 || connection.status == 200 {
            progress = try connection.receive(into: &log.frames.body)
        } else {
            progress = try connection.receive(into: &log.refusal)
        }
        if connection.status != 0, connection.status != 200 {
            guard progress == .ended else { return }
            throw DockerAPIError(description: "status \(connection.status): \(log.refusalText.prefix(300))")
        }
        try writer.drain(log)
        log.succeeded()
        if progress == .ended { try ended(log) }
    }

    /// dockerd has closed a log: its container has ended, or dockerd itself.
    private mutating func ended(_ log: DockerContainerLog) throws(DockerAPIError) {
        log.connection = nil
        let config = try client.get("/containers/\(log.container.id)/json")
        let container = config.flatMap { DockerContainer(config: $0, hostConfig: nil) }
        if let container, container.isLive || container.startedAt != log.container.startedAt {
            // Pieces without an end come again with the next connection.
            log.container = container
            log.failed()
            return
        }
        try writer.finish(log)
        log.drainedRun = log.container.startedAt
        if let container { log.container = container }
    }

    private mutating func fail(_ log: DockerContainerLog, _ error: DockerAPIError) {
        log.failed()
        let name = log.container.name.hasPrefix("/") ? String(log.container.name.dropFirst()) : log.container.name
        let sentence = "the log of container \(name) (driver \(log.container.logDriver)): \(error)"
        problem = sentence
        context.readiness.set("source/\(source)", .degraded(sentence))
        context.logger.warning("cannot read a container's log", metadata: ["reason": "\(sentence)"])
    }

    // MARK: committing

    private mutating func commitIfDue() throws(DockerAPIError) {
        guard let oldest = writer.oldestPending else { return }
        if Timestamp.monotonic.seconds(since: oldest) >= context.commitInterval { try commit() }
    }

    private mutating func commit(forgetting gone: [String] = []) throws(DockerAPIError) {
        do throws(CommitError) {
            try writer.commit(logs, source: source, forgetting: gone, context)
        } catch {
            // Nothing is lost: the positions are those of the last commit.
            throw DockerAPIError(description: "\(error)")
        }
    }

    private func after(_ seconds: Double) -> Timestamp {
        Timestamp(nanoseconds: Timestamp.monotonic.nanoseconds + Int64(min(seconds, 1e9) * 1e9))
    }
}
