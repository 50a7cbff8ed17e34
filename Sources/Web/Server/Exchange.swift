import Logging
import NIOCore

/// One request and its response, off the event loop; only writing goes back to it.
struct Exchange: Sendable {
    let request: Request
    let router: Router
    let logger: Logger
    let connection: NIOLoopBound<ConnectionHandler>
    let loop: any EventLoop

    func run() async {
        let response = await answer()
        switch response.body {
        case .bytes(let bytes):
            loop.execute { connection.value.finish(response, body: ByteBuffer(bytes: bytes)) }
        case .buffer(let buffer): loop.execute { connection.value.finish(response, body: buffer) }
        case .stream(let write): await stream(response, write)
        }
    }

    private func answer() async -> Response {
        do {
            return try await router.respond(to: request)
        } catch is CancellationError {
            return HTTPError(503, "The server is stopping.").response(to: request.path)
        } catch {
            logger.error(
                "a request failed",
                metadata: ["method": "\(request.method.rawValue)", "path": "\(request.path)", "error": "\(error)"])
            return HTTPError(500, "The request failed: \(error)").response(to: request.path)
        }
    }

    private func stream(_ response: Response, _ write: @Sendable (BodyWriter) async throws -> Void) async {
        let writer = BodyWriter { bytes in
            try await loop.flatSubmit {
                connection.value.writePiece(bytes) ?? loop.makeFailedFuture(ChannelError.ioOnClosedChannel)
            }.get()
        }
        var isClean = true
        do {
            let wantsBody = try await loop.submit { connection.value.beginStream(response) }.get()
            if wantsBody { try await write(writer) } else { isClean = false }
        } catch is CancellationError {
            // The client has gone, or the server stops: then the body ends properly, as far as there is one.
        } catch is ChannelError {
            isClean = false
        } catch {
            isClean = false
            logger.warning(
                "a streamed response broke off", metadata: ["path": "\(request.path)", "error": "\(error)"])
        }
        loop.execute { [isClean] in connection.value.endStream(isClean: isClean) }
    }
}
