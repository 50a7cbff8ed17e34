import Logging
import NIOCore
import NIOHTTP1

/// One connection: reads a request, has it answered, writes the response, reads the next.
///
/// Requests that arrive while one is answered wait, and reading stops, so that a client that sends without taking
/// its responses fills its own buffers and not ours. Every wait has a deadline.
final class ConnectionHandler: ChannelDuplexHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundIn = HTTPServerResponsePart
    typealias OutboundOut = HTTPServerResponsePart

    private enum State {
        case waiting
        case receiving(HTTPRequestHead, body: [UInt8])
        case responding(HTTPRequestHead)
        /// The last response is written; what the client still sends is thrown away, since closing with unread
        /// bytes would reset the connection before the client has read why.
        case lingering
        case closed
    }

    /// More parsed parts than one read can hold of any sane client.
    private static let queueLimit = 8192
    private static let lingerTime = TimeAmount.seconds(1)

    private let router: Router
    private let configuration: ServerConfiguration
    private let connections: Connections
    private let logger: Logger
    private let metrics: WebMetrics
    /// nil for plain HTTP.
    private let tls: TLSHandler?

    private var state = State.waiting
    private var context: ChannelHandlerContext?
    /// Parts that came behind the request that is being answered.
    private var queue: [HTTPServerRequestPart] = []
    /// What was wrong with the bytes behind the request that is being answered.
    private var failure: HTTPError?
    private var wantsRead = false
    private var isClosing = false
    private var bodyLimit = 0
    private var isStreaming = false
    /// Whether the handler is at work, and nothing of the response is written.
    private var isAnswering = false
    /// Whether the time of the next request runs: from the connection's start for the first one, from its first byte
    /// for every other.
    private var hasBegun = true
    private var task: Task<Void, Never>?
    private var deadline: Scheduled<Void>?

    init(
        router: Router, configuration: ServerConfiguration, connections: Connections, logger: Logger,
        metrics: WebMetrics, tls: TLSHandler?
    ) {
        self.router = router
        self.configuration = configuration
        self.connections = connections
        self.logger = logger
        self.metrics = metrics
        self.tls = tls
    }

    // MARK: Channel events

    func channelActive(context: ChannelHandlerContext) {
        self.context = context
        guard connections.insert(self) else {
            metrics.refused(.connections)
            logger.warning(
                "a connection was closed at once: too many are open",
                metadata: ["limit": "\(configuration.connectionLimit)"])
            state = .closed
            context.close(promise: nil)
            return
        }
        setDeadline(TimeAmount(configuration.receiveTimeout))
        context.fireChannelActive()
    }

    func channelInactive(context: ChannelHandlerContext) {
        state = .closed
        setDeadline(nil)
        task?.cancel()
        connections.remove(self)
        self.context = nil
        queue = []
        context.fireChannelInactive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let part = unwrapInboundIn(data)
        switch state {
        case .waiting, .receiving: take(part)
        case .responding:
            if queue.count >= ConnectionHandler.queueLimit { return close() }
            queue.append(part)
        case .lingering, .closed: break
        }
    }

    func read(context: ChannelHandlerContext) {
        if case .responding = state {
            wantsRead = true
        } else {
            context.read()
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard let error = error as? HTTPParserError else {
            logger.debug("a connection failed", metadata: ["error": "\(error)"])
            return close()
        }
        let answer =
            error == .headerOverflow
            ? HTTPError(431, "The request's header is larger than \(configuration.headerLimit) bytes.")
            : HTTPError(400, "The request is not HTTP/1.1: \(error).")
        switch state {
        case .waiting, .receiving: fail(answer)
        case .responding: failure = failure ?? answer
        case .lingering, .closed: break
        }
    }

    // MARK: Receiving

    /// Bytes have come: the time in which a request has to arrive begins with its first one, so that nobody holds a
    /// connection by sending a byte now and then.
    func bytesArrived() {
        guard case .waiting = state, !hasBegun else { return }
        hasBegun = true
        setDeadline(TimeAmount(configuration.receiveTimeout))
    }

    private func take(_ part: HTTPServerRequestPart) {
        switch part {
        case .head(let head): begin(head)
        case .body(let piece):
            guard case .receiving(let head, var body) = state else { return }
            // Takes the array out of the state, so that appending does not copy it.
            state = .waiting
            guard body.count + piece.readableBytes <= bodyLimit else { return fail(bodyTooLarge) }
            body.append(contentsOf: piece.readableBytesView)
            state = .receiving(head, body: body)
        case .end:
            guard case .receiving(let head, let body) = state else { return }
            setDeadline(TimeAmount(configuration.answerTimeout))
            respond(to: head, body)
        }
    }

    private var bodyTooLarge: HTTPError {
        HTTPError(413, "The request's body is larger than \(bodyLimit) bytes.")
    }

    private func begin(_ head: HTTPRequestHead) {
        // Whoever has shown a certificate is known already; a password comes with the request itself.
        let isUnknown =
            tls?.peer == nil
            && Request.Origin(local: context?.localAddress, remote: context?.remoteAddress) == .network
        bodyLimit = min(configuration.bodyLimit, isUnknown ? configuration.networkBodyLimit : .max)
        // The parser stops for good behind what might be an upgrade.
        isClosing = isClosing || !head.isKeepAlive || head.headers.contains(name: "Upgrade")
        if head.version != .http1_0, head.headers["Host"].count != 1 {
            return fail(HTTPError(400, "A request of HTTP/1.1 carries exactly one Host header."))
        }
        let length = head.headers.first(name: "Content-Length").flatMap(Int.init) ?? 0
        if length > bodyLimit { return fail(bodyTooLarge) }
        if head.headers.first(name: "Expect")?.lowercased() == "100-continue" {
            let proceed = HTTPResponseHead(version: head.version, status: .continue)
            context?.writeAndFlush(wrapOutboundOut(.head(proceed)), promise: nil)
        }
        var body: [UInt8] = []
        // Growing to it would take up to three times the memory; what never comes takes none.
        body.reserveCapacity(max(length, 0))
        state = .receiving(head, body: body)
        setDeadline(TimeAmount(configuration.receiveTimeout))
    }

    private func respond(to head: HTTPRequestHead, _ body: [UInt8]) {
        guard let context else { return }
        let request: Request
        do {
            request = try Request(
                head, body: body, certificate: tls?.peer, local: context.localAddress,
                remote: context.remoteAddress)
        } catch {
            return fail(error)
        }
        state = .responding(head)
        isAnswering = true
        let exchange = Exchange(
            request: request, router: router, logger: logger,
            connection: NIOLoopBound(self, eventLoop: context.eventLoop), loop: context.eventLoop)
        task = Task { await exchange.run() }
    }

    // MARK: Responding; called by the exchange

    /// Writes a response whose body is known, and goes on to the next request.
    func finish(_ response: Response, body: ByteBuffer) {
        guard let context, case .responding(let request) = state else { return }
        isAnswering = false
        var head = responseHead(response, to: request)
        if response.status != 204, response.status != 304 {
            head.headers.replaceOrAdd(name: "Content-Length", value: String(body.readableBytes))
        }
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        if request.method != .HEAD, body.readableBytes > 0 {
            context.write(wrapOutboundOut(.body(.byteBuffer(body))), promise: nil)
        }
        end()
    }

    /// Writes the head of a streamed response; false if the client wants no body.
    func beginStream(_ response: Response) -> Bool {
        guard let context, case .responding(let request) = state else { return false }
        // Without chunks only the connection's end tells the body's; and NIO's encoder would write the last chunk
        // even to HEAD.
        if request.version == .http1_0 || request.method == .HEAD { isClosing = true }
        isAnswering = false
        isStreaming = true
        setDeadline(nil)
        let head = responseHead(response, to: request)
        context.writeAndFlush(wrapOutboundOut(.head(head)), promise: nil)
        return request.method != .HEAD
    }

    /// Completes when the kernel has taken the piece.
    func writePiece(_ bytes: [UInt8]) -> EventLoopFuture<Void>? {
        guard let context, case .responding = state else { return nil }
        setDeadline(TimeAmount(configuration.idleTimeout))
        let piece = HTTPServerResponsePart.body(.byteBuffer(context.channel.allocator.buffer(bytes: bytes)))
        let written = context.writeAndFlush(wrapOutboundOut(piece))
        written.assumeIsolated().whenComplete { _ in self.setDeadline(nil) }
        return written
    }

    /// Ends a streamed response; an unclean end closes without the last chunk, so that the client can tell.
    func endStream(isClean: Bool) {
        isStreaming = false
        if isClean { end() } else { close() }
    }

    func close() {
        guard let context else { return }
        context.close(promise: nil)
    }

    /// The server stops: what is being answered may end, everything else closes.
    func drain() {
        isClosing = true
        guard case .responding = state else { return close() }
        if isStreaming { task?.cancel() }
    }

    private func responseHead(_ response: Response, to request: HTTPRequestHead) -> HTTPResponseHead {
        var headers = HTTPHeaders()
        for field in response.headers.fields { headers.add(name: field.name, value: Self.oneLine(field.value)) }
        if isClosing {
            headers.replaceOrAdd(name: "Connection", value: "close")
        } else if request.version == .http1_0 {
            headers.replaceOrAdd(name: "Connection", value: "keep-alive")
        }
        return HTTPResponseHead(
            version: request.version, status: HTTPResponseStatus(statusCode: response.status), headers: headers)
    }

    /// A line feed in a value would end the header early.
    private static func oneLine(_ value: String) -> String {
        guard value.utf8.contains(where: { $0 < 0x20 && $0 != 0x09 }) else { return value }
        return String(decoding: value.utf8.map { $0 < 0x20 ? 0x20 : $0 }, as: UTF8.self)
    }

    private func end() {
        guard let context else { return }
        setDeadline(TimeAmount(configuration.idleTimeout))
        let written = context.writeAndFlush(wrapOutboundOut(.end(nil)))
        written.assumeIsolated().whenComplete { result in
            if case .failure = result { return self.close() }
            self.next()
        }
    }

    /// The response is written: closes, or takes what has come meanwhile and reads on.
    private func next() {
        guard let context, case .responding = state else { return }
        task = nil
        if isClosing { return close() }
        state = .waiting
        hasBegun = false
        setDeadline(TimeAmount(configuration.idleTimeout))
        let parts = queue
        queue = []
        for (index, part) in parts.enumerated() {
            take(part)
            if case .responding = state {
                queue = Array(parts[(index + 1)...])
                return
            }
        }
        if let failure { return fail(failure) }
        if wantsRead {
            wantsRead = false
            context.read()
        }
    }

    /// Answers with an error that leaves the rest of the input meaningless, and closes.
    private func fail(_ error: HTTPError) {
        guard let context else { return }
        state = .lingering
        let response = error.response
        guard case .bytes(let body) = response.body else { return close() }
        var headers = HTTPHeaders(response.headers.fields.map { ($0.name, $0.value) })
        headers.add(name: "Content-Length", value: String(body.count))
        headers.add(name: "Connection", value: "close")
        let head = HTTPResponseHead(
            version: .http1_1, status: HTTPResponseStatus(statusCode: error.status), headers: headers)
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        context.write(wrapOutboundOut(.body(.byteBuffer(context.channel.allocator.buffer(bytes: body)))), promise: nil)
        let written = context.writeAndFlush(wrapOutboundOut(.end(nil)))
        written.assumeIsolated().whenComplete { _ in self.context?.close(mode: .output, promise: nil) }
        setDeadline(ConnectionHandler.lingerTime)
        if wantsRead { context.read() }
    }

    // MARK: Deadlines

    /// Sets the one deadline there is; nil: none.
    private func setDeadline(_ time: TimeAmount?) {
        deadline?.cancel()
        deadline = nil
        guard let time, let context else { return }
        deadline = context.eventLoop.assumeIsolated().scheduleTask(in: time) { self.expire() }
    }

    private func expire() {
        switch state {
        case .receiving:
            metrics.refused(.timeout)
            fail(HTTPError(408, "The request did not arrive within \(configuration.receiveTimeout)."))
        case .responding where isAnswering:
            metrics.refused(.timeout)
            task?.cancel()
            fail(HTTPError(503, "The answer was not there within \(configuration.answerTimeout)."))
        case .waiting where hasBegun, .responding:
            metrics.refused(.timeout)
            close()
        case .waiting, .lingering, .closed: close()
        }
    }
}
