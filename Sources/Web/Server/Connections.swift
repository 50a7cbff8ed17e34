import NIOCore

/// The open connections. Lives on the event loop and is touched nowhere else.
final class Connections {
    private var open: [ObjectIdentifier: ConnectionHandler] = [:]
    private let limit: Int
    private let metrics: WebMetrics
    private var whenEmpty: EventLoopPromise<Void>?

    init(limit: Int, metrics: WebMetrics) {
        self.limit = limit
        self.metrics = metrics
    }

    /// Whether there was room for one more.
    func insert(_ connection: ConnectionHandler) -> Bool {
        guard open.count < limit, whenEmpty == nil else { return false }
        open[ObjectIdentifier(connection)] = connection
        metrics.setConnections(open.count)
        return true
    }

    func remove(_ connection: ConnectionHandler) {
        open.removeValue(forKey: ObjectIdentifier(connection))
        metrics.setConnections(open.count)
        if open.isEmpty { finish() }
    }

    /// Lets requests in progress end, closes everything else, and what is left after `timeout` too. Succeeds
    /// `promise` when no connection is open.
    func drain(on loop: any EventLoop, timeout: TimeAmount, _ promise: EventLoopPromise<Void>) {
        whenEmpty = promise
        for connection in Array(open.values) { connection.drain() }
        if open.isEmpty { return finish() }
        loop.assumeIsolated().scheduleTask(in: timeout) {
            for connection in Array(self.open.values) { connection.close() }
            self.finish()
        }
    }

    private func finish() {
        let promise = whenEmpty
        whenEmpty = nil
        promise?.succeed()
    }
}
