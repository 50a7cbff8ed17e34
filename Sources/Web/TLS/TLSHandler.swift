import Logging
import NIOCore

/// Ends TLS in front of the HTTP handlers.
///
/// It holds nothing back: what arrives is decrypted and passed on at once, what is written is encrypted at once, so
/// that the handlers behind it decide when to read and the socket's own buffer when to write.
final class TLSHandler: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = IOData
    typealias OutboundOut = IOData

    private enum State { case fresh, handshaking, open, closed }

    private var session: TLSSession
    private let logger: Logger
    private let refused: @Sendable (_ reason: String, _ peer: SocketAddress?) -> Void
    private var state = State.fresh
    private var hasShutDown = false
    /// The subject of the client's certificate, once it has been verified.
    private(set) var peer: String?

    /// nil without memory for a session. `refused` is called when a handshake fails, with the
    /// reason and the client.
    init?(
        _ context: TLSContext, logger: Logger,
        refused: @escaping @Sendable (_ reason: String, _ peer: SocketAddress?) -> Void
    ) {
        guard let session = TLSSession(context) else { return nil }
        self.session = session
        self.logger = logger
        self.refused = refused
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        if state == .fresh {
            if let first = bytes.getInteger(at: bytes.readerIndex, as: UInt8.self), TLSHandler.isPlain(first) {
                return refusePlain(context)
            }
            state = .handshaking
        }
        while state != .closed, bytes.readableBytes > 0,
            let piece = bytes.readSlice(length: min(bytes.readableBytes, TLSSession.pieceSize))
        {
            guard session.feed(piece) else { return fail(context, "out of memory") }
            proceed(context)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        if state == .handshaking { refused("the client closed during the handshake", context.remoteAddress) }
        state = .closed
        context.fireChannelInactive()
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard case .byteBuffer(let plain) = unwrapOutboundIn(data), state == .open, !hasShutDown else {
            promise?.fail(ChannelError.ioOnClosedChannel)
            return
        }
        // A record adds 22 bytes in TLS 1.3, up to some 90 with the old ciphers.
        let records = plain.readableBytes / TLSSession.pieceSize + 1
        var output = context.channel.allocator.buffer(capacity: plain.readableBytes + records * 96)
        guard session.write(plain, into: &output) else {
            promise?.fail(ChannelError.ioOnClosedChannel)
            return fail(context, "encrypting failed")
        }
        context.write(wrapOutboundOut(.byteBuffer(output)), promise: promise)
    }

    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        if state == .open, !hasShutDown, mode != .input {
            hasShutDown = true
            session.shutDown()
            sendOutput(context)
        }
        if mode == .all { state = .closed }
        context.close(mode: mode, promise: promise)
    }

    // MARK: Receiving

    /// Does with what was fed all that can be done.
    private func proceed(_ context: ChannelHandlerContext) {
        if state == .handshaking {
            switch session.handshake() {
            case .done:
                state = .open
                peer = session.verifiedPeer()
                sendOutput(context)
            case .waits: return sendOutput(context)
            case .ended: return fail(context, "the connection ended")
            case .failed(let reason):
                refused(reason, context.remoteAddress)
                return fail(context, reason)
            }
        }
        var plain = context.channel.allocator.buffer(capacity: 0)
        var progress = TLSSession.Progress.done
        while progress == .done { progress = session.read(into: &plain) }
        // What the protocol itself answers, such as a change of keys.
        sendOutput(context)
        if plain.readableBytes > 0 { context.fireChannelRead(wrapInboundOut(plain)) }
        // Whoever took the bytes may have closed.
        guard state == .open else { return }
        switch progress {
        case .done, .waits: break
        case .ended: close(context: context, mode: .all, promise: nil)
        case .failed(let reason): fail(context, reason)
        }
    }

    private func sendOutput(_ context: ChannelHandlerContext) {
        var output = context.channel.allocator.buffer(capacity: 0)
        session.takeOutput(into: &output)
        if output.readableBytes > 0 { context.writeAndFlush(wrapOutboundOut(.byteBuffer(output)), promise: nil) }
    }

    /// Sends OpenSSL's alert, if it has one, and closes.
    private func fail(_ context: ChannelHandlerContext, _ reason: String) {
        guard state != .closed else { return }
        state = .closed
        sendOutput(context)
        logger.debug("a TLS connection failed", metadata: ["error": "\(reason)"])
        context.close(promise: nil)
    }

    // MARK: Plain HTTP

    /// A handshake begins with 22, a method of HTTP with a capital letter.
    private static func isPlain(_ first: UInt8) -> Bool { (0x41...0x5a).contains(first) }

    private func refusePlain(_ context: ChannelHandlerContext) {
        state = .closed
        refused("the client spoke HTTP without TLS", context.remoteAddress)
        let body = "{\"error\":\"This address speaks HTTPS; the request came without TLS.\"}\n"
        let answer = context.channel.allocator.buffer(
            string: "HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nConnection: close\r\n"
                + "Content-Length: \(body.utf8.count)\r\n\r\n\(body)")
        let written = context.writeAndFlush(wrapOutboundOut(.byteBuffer(answer)))
        let channel = context.channel
        // Closing at once, with unread bytes, would reset the connection before the client has read why; the
        // connection's deadline closes it if the client does not.
        written.whenComplete { _ in channel.close(mode: .output, promise: nil) }
    }
}
