import Bytes
import Configuration
import Synchronization

/// `GET /api/bans/feed?since=CURSOR`: this host's own bans, for other hosts that have the same secret.
///
/// A request is signed in its header `X-Tocsin-Signature: t=SECONDS,n=NONCE,v1=HMAC` over `feed request`, the time, the nonce and the cursor. The
/// answer is a line `t=SECONDS,v1=HMAC`, over `feed answer`, the time, the request's nonce and the document, and the document behind it:
/// `{"host":…,"cursor":…,"bans":[…]}`. The cursor, handed in again, gets what has come since; an unknown one, all that stands, the
/// newest 20,000. Safe from any thread.
package final class BanFeed: Sendable {
    /// Changes that are kept for those who come again.
    private static let mostChanges = 10_000
    private static let mostStanding = 20_000
    package static let header = "X-Tocsin-Signature"

    private struct State {
        var changes: [SharedBan] = []
        /// Of the change behind the last.
        var next: UInt64 = 0
        var refused = 0
    }

    package struct Answer: Sendable, Equatable {
        package var status: Int
        package var contentType: String
        package var body: [UInt8]
    }

    private let name: String
    private let secret: Secret
    private let standing: @Sendable () -> [Ban]
    private let state = Mutex(State())
    /// Of this process: a cursor of another one is unknown.
    private let epoch = SharingSignature.nonce()

    /// - Parameter standing: all bans that stand, of whatever origin.
    package init(name: String, secret: Secret, standing: @escaping @Sendable () -> [Ban]) {
        self.name = name
        self.secret = secret
        self.standing = standing
    }

    package func publish(_ change: BanChange, now: Double) {
        guard let shared = SharedBan(change, now: now) else { return }
        state.withLock { state in
            if state.changes.count >= Self.mostChanges { state.changes.removeFirst(Self.mostChanges / 4) }
            state.changes.append(shared)
            state.next += 1
        }
    }

    /// Requests that were refused.
    package var refused: Int { state.withLock { $0.refused } }

    /// - Parameters:
    ///   - since: the query's `since`, empty where there is none.
    ///   - signature: the request's header.
    package func answer(since: String, signature: String?, now: Double) -> Answer {
        guard let signature = signature.flatMap(FeedHeader.init), signature.isTimely(now),
            SharingSignature.verify(
                signature.hash, ["feed request", signature.time, signature.nonce, since], RawSpan(), secret: secret)
        else {
            state.withLock { $0.refused += 1 }
            return Answer(
                status: 403, contentType: "text/plain; charset=utf-8",
                body: Array("expected a signature with the hosts' secret, made within the last five minutes\n".utf8))
        }
        let document = document(since: since, now: now)
        let time = "\(Int64(now))"
        let hash = SharingSignature.sign(
            ["feed answer", time, signature.nonce], document.span.bytes, secret: secret)
        return Answer(
            status: 200, contentType: "application/octet-stream", body: Array("t=\(time),v1=\(hash)\n".utf8) + document)
    }

    private func document(since: String, now: Double) -> [UInt8] {
        let (changes, next) = state.withLock { state -> ([SharedBan]?, UInt64) in
            let first = state.next - UInt64(state.changes.count)
            guard since.hasPrefix(epoch + "-"), let place = UInt64(since.dropFirst(epoch.count + 1)), place >= first,
                place <= state.next
            else { return (nil, state.next) }
            return (Array(state.changes[Int(place - first)...]), state.next)
        }
        let bans = changes ?? own(now)
        var json = JSONWriter()
        json.beginObject()
        for (key, value) in [("host", name), ("cursor", "\(epoch)-\(next)")] {
            json.key(key)
            json.string(value)
        }
        json.key("bans")
        json.beginArray()
        for ban in bans { ban.write(into: &json) }
        json.endArray()
        json.endObject()
        return json.written()
    }

    private func own(_ now: Double) -> [SharedBan] {
        let own = standing().filter { ban in
            switch ban.origin {
            case .failures, .manual: ban.end > now
            case .list, .peer: false
            }
        }
        return own.sorted { $0.time < $1.time }.suffix(Self.mostStanding).map { SharedBan($0) }
    }
}

/// `t=SECONDS,n=NONCE,v1=HMAC`, without the nonce in an answer.
struct FeedHeader {
    var time = ""
    var nonce = ""
    var hash = ""

    init?(_ text: String) {
        guard text.utf8.count <= 256 else { return nil }
        for part in text.split(separator: "," as Character) {
            let value = String(part.drop { $0 != "=" }.dropFirst())
            switch part.prefix(while: { $0 != "=" }) {
            case "t": time = value
            case "n": nonce = value
            case "v1": hash = value
            default: break
            }
        }
    }

    func isTimely(_ now: Double) -> Bool {
        Int64(time).map { abs(Double($0) - now) <= SharingSignature.tolerance } ?? false
    }
}
