import Glibc
import Logging
import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization

/// The agent's HTTP/1.1 server: one event loop on one thread, handlers on the cooperative pool.
package final class WebServer: Sendable {
    private struct State {
        var group: MultiThreadedEventLoopGroup?
        var listeners: [any Channel] = []
        var connections: NIOLoopBound<Connections>?
        var socketPaths: [String] = []
    }

    private let configuration: ServerConfiguration
    private let router: Router
    private let logger: Logger
    private let access: WebAccess?
    private let metrics: WebMetrics
    private let state = Mutex(State())

    /// `access` says whether TCP connections speak TLS; its other demands are those of `AccessControl` in the router.
    package init(
        configuration: ServerConfiguration, router: Router, logger: Logger, access: WebAccess? = nil,
        metrics: WebMetrics = WebMetrics()
    ) {
        self.configuration = configuration
        self.router = router
        self.logger = logger
        self.access = access
        self.metrics = metrics
    }

    /// Serves until the task is cancelled; requests in progress then get `drainTimeout` to end.
    package func run() async throws {
        _ = try await start()
        while !Task.isCancelled { try? await Task.sleep(for: .seconds(86_400)) }
        await stop()
    }

    /// Begins to listen on every configured address, or on none. Returns the addresses, with the ports that the
    /// kernel chose where 0 was asked for. To be called once.
    package func start() async throws -> [ListenAddress] {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let limit = configuration.connectionLimit
        do {
            let connections = try await group.next().submit { [loop = group.next(), metrics] in
                NIOLoopBound(Connections(limit: limit, metrics: metrics), eventLoop: loop)
            }.get()
            state.withLock {
                $0.group = group
                $0.connections = connections
            }
            var bound: [ListenAddress] = []
            for address in configuration.addresses {
                let channel = try await listen(on: address, group, connections)
                state.withLock { $0.listeners.append(channel) }
                bound.append(address.with(port: channel.localAddress?.port))
            }
            logger.info("listening", metadata: ["addresses": "\(bound.map(\.description).joined(separator: " "))"])
            return bound
        } catch {
            await stop()
            throw error
        }
    }

    /// Stops listening, lets requests in progress end, and closes what is left after `drainTimeout`.
    package func stop() async {
        let old = state.withLock { state in
            defer { state = State() }
            return state
        }
        for listener in old.listeners { try? await listener.close().get() }
        for path in old.socketPaths { unlink(path) }
        guard let group = old.group else { return }
        if let connections = old.connections {
            let loop = group.next()
            let promise = loop.makePromise(of: Void.self)
            let timeout = TimeAmount(configuration.drainTimeout)
            loop.execute { connections.value.drain(on: loop, timeout: timeout, promise) }
            // The promise only ever succeeds.
            try? await promise.futureResult.get()
        }
        do {
            try await group.shutdownGracefully()
        } catch {
            logger.warning("the event loop did not end properly", metadata: ["error": "\(error)"])
        }
    }

    private func listen(
        on address: ListenAddress, _ group: MultiThreadedEventLoopGroup, _ connections: NIOLoopBound<Connections>
    ) async throws -> any Channel {
        let refused = handshakeReporter()
        let bootstrap = ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 256)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { [router, configuration, logger, metrics, access] channel in
                channel.eventLoop.makeCompletedFuture {
                    let operations = channel.pipeline.syncOperations
                    var tls: TLSHandler?
                    if !address.isUnix, let context = access?.tls {
                        tls = TLSHandler(context, logger: logger, refused: refused)
                        // Never in the clear instead.
                        guard let tls else { throw ChannelError.outputClosed }
                        try operations.addHandler(tls)
                    }
                    let connection = ConnectionHandler(
                        router: router, configuration: configuration, connections: connections.value,
                        logger: logger, metrics: metrics, tls: tls)
                    try operations.addHandler(ArrivalHandler(connection))
                    var limits = NIOHTTPDecoderLimitConfiguration()
                    limits.maxHeaderFieldSize = configuration.headerLimit
                    limits.maxHeaderListSize = configuration.headerLimit
                    try operations.addHandler(HTTPResponseEncoder())
                    try operations.addHandler(
                        ByteToMessageHandler(HTTPRequestDecoder(limitConfiguration: limits)))
                    try operations.addHandler(connection)
                }
            }
        do {
            switch address {
            case .unix(let path, let permissions):
                try SocketFile.makeRoom(at: path)
                let channel = try await bootstrap.bind(unixDomainSocketPath: path).get()
                state.withLock { $0.socketPaths.append(path) }
                // Until here only the owner could connect, under any usual umask.
                do {
                    try permissions.apply(to: path)
                } catch {
                    try? await channel.close().get()
                    throw error
                }
                return channel
            case .tcp(let host, let port):
                let tcp = bootstrap.childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
                guard let host else { return try await Self.bindEverywhere(tcp, port) }
                return try await tcp.bind(host: host, port: port).get()
            }
        } catch let error as IOError {
            throw WebServerError(listeningOn: address, code: error.errnoCode)
        } catch let error as WebServerError {
            throw error
        } catch {
            // A name that does not resolve has a type of its own in NIO, which says more than it needs to.
            let reason = error is SocketAddressError.UnknownHost ? "no such host" : "\(error)"
            throw WebServerError("cannot listen on \(address): \(reason); set server.listen to an address of this host")
        }
    }

    /// Counts failed handshakes and logs them, ten at once and one a second: anybody can make them fail.
    private func handshakeReporter() -> @Sendable (String, SocketAddress?) -> Void {
        let bucket = TokenBucket(RateLimit(interval: .seconds(1), burst: 10))
        let start = ContinuousClock.now
        return { [logger, metrics] reason, peer in
            metrics.refused(.handshake)
            guard bucket.take(at: start.duration(to: .now)) == nil else { return }
            logger.info(
                "a TLS handshake failed",
                metadata: ["peer": "\(peer.map { "\($0)" } ?? "")", "error": "\(reason)"])
        }
    }

    /// One IPv6 socket takes IPv4 as well; a kernel without IPv6 gets an IPv4 one.
    private static func bindEverywhere(_ bootstrap: ServerBootstrap, _ port: Int) async throws -> any Channel {
        do {
            return try await bootstrap.bind(host: "::", port: port).get()
        } catch let error as IOError where [EAFNOSUPPORT, EADDRNOTAVAIL].contains(error.errnoCode) {
            return try await bootstrap.bind(host: "0.0.0.0", port: port).get()
        }
    }
}

extension ListenAddress {
    fileprivate var isUnix: Bool {
        if case .unix = self { true } else { false }
    }

    fileprivate func with(port: Int?) -> ListenAddress {
        guard case .tcp(let host, _) = self, let port else { return self }
        return .tcp(host: host, port: port)
    }
}

extension WebServerError {
    /// The sentence for what `bind` or `listen` said.
    init(listeningOn address: ListenAddress, code: Int32) {
        let remedy =
            switch code {
            case EADDRINUSE:
                "another process listens there; `ss -ltnp` shows which one: stop it, or set server.listen to another "
                    + "address"
            case EACCES, EPERM:
                address.isUnix
                    ? "permission denied; give the directory to this user, or set server.listen to another path"
                    : "permission denied; set server.listen to a port from 1024 up, or give the agent "
                        + "CAP_NET_BIND_SERVICE"
            case EADDRNOTAVAIL: "this host has no such address; `ip address` lists those it has"
            case ENOENT, ENOTDIR: "the directory does not exist; create it or set server.listen to another path"
            default: String(cString: strerror(code))
            }
        self.init("cannot listen on \(address): \(remedy)")
    }
}
