import COpenSSL
import NIOCore

/// The server's side of one TLS connection: bytes of the socket go in, plain bytes come out, and the other way.
/// Used on one thread only.
struct TLSSession: ~Copyable {
    enum Progress: Equatable {
        case done
        /// The peer has to say more.
        case waits
        /// The peer has said its orderly end.
        case ended
        case failed(String)
    }

    /// Fed and encrypted in pieces of this size, so that OpenSSL's buffers in memory, which do not shrink, stay small.
    static let pieceSize = 16 << 10

    private let session: OpaquePointer
    /// Outlives the session, which points into it.
    private let context: TLSContext

    init?(_ context: TLSContext) {
        guard let session = context.session() else { return nil }
        self.session = session
        self.context = context
    }

    deinit { copenssl_session_free(session) }

    /// False without memory.
    mutating func feed(_ bytes: ByteBuffer) -> Bool {
        bytes.withUnsafeReadableBytes { copenssl_feed(session, $0.baseAddress, $0.count) == 0 }
    }

    mutating func handshake() -> Progress {
        var message = TLSSession.message
        return switch copenssl_handshake(session, &message, message.count) {
        case 1: .done
        case 0: .waits
        default: .failed(TLSSession.text(message))
        }
    }

    /// Appends what can be decrypted now, one record at most: `.done` if there was one.
    mutating func read(into plain: inout ByteBuffer) -> Progress {
        var result: Int32 = 0
        var message: [CChar] = []
        plain.writeWithUnsafeMutableBytes(minimumWritableBytes: TLSSession.pieceSize) { bytes in
            var text = TLSSession.message
            result = copenssl_read(session, bytes.baseAddress, bytes.count, &text, text.count)
            if result == -2 { message = text }
            return max(0, Int(result))
        }
        return switch result {
        case 1...: .done
        case 0: .waits
        case -1: .ended
        default: .failed(TLSSession.text(message))
        }
    }

    /// Appends the encrypted bytes to `output`; false when the session is broken.
    mutating func write(_ plain: ByteBuffer, into output: inout ByteBuffer) -> Bool {
        var rest = plain
        while let piece = rest.readSlice(length: min(rest.readableBytes, TLSSession.pieceSize)) {
            if piece.readableBytes == 0 { break }
            let isWritten = piece.withUnsafeReadableBytes { copenssl_write(session, $0.baseAddress, $0.count) == 0 }
            takeOutput(into: &output)
            if !isWritten { return false }
        }
        return true
    }

    mutating func shutDown() { copenssl_shut_down(session) }

    /// Moves what waits to be sent.
    mutating func takeOutput(into output: inout ByteBuffer) {
        let count = copenssl_pending(session)
        guard count > 0 else { return }
        output.writeWithUnsafeMutableBytes(minimumWritableBytes: count) {
            copenssl_take(session, $0.baseAddress, min(count, $0.count))
        }
    }

    /// The subject of the client's certificate, if it has been verified.
    func verifiedPeer() -> String? {
        guard context.verifiesClients else { return nil }
        var text = TLSSession.message
        return copenssl_peer(session, &text, text.count) == 1 ? TLSSession.text(text) : nil
    }

    private static var message: [CChar] { [CChar](repeating: 0, count: 256) }

    private static func text(_ message: [CChar]) -> String {
        let end = message.firstIndex(of: 0) ?? message.endIndex
        return String(decoding: message[..<end].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
