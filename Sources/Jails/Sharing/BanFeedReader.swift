import Bytes
import Configuration
import Synchronization
import Telemetry
import Transport

/// Asks another host's `BanFeed` for its bans, again and again. `run` belongs on a thread of its own.
package final class BanFeedReader: Sendable {
    package struct Status: Sendable, Equatable {
        /// Seconds since 1970; 0 for never.
        package var lastSuccess = 0.0
        package var attempts = 0
        package var failures = 0
        package var bans = 0
        /// What the last attempt failed of; nil when it was good.
        package var failure: String?
    }

    private static let bodyLimit = 16 << 20

    package let peer: PeerSettings
    private let secret: Secret
    private let userAgent: String
    private let bans: SharedBans
    private let store: BanStore?
    private let state: Mutex<(cursor: String, status: Status)>

    /// - Parameters:
    ///   - bans: decides what is done with what comes.
    ///   - store: keeps how far this has read.
    package init(_ peer: PeerSettings, secret: Secret, userAgent: String, bans: SharedBans, store: BanStore?) {
        self.peer = peer
        self.secret = secret
        self.userAgent = userAgent
        self.bans = bans
        self.store = store
        // Votes that are not enough yet are not kept: all are asked for again.
        let cursor =
            bans.keepsVotes
            ? "" : store?.position(Self.position(peer)).map { String(decoding: $0, as: UTF8.self) } ?? ""
        state = Mutex((cursor, Status()))
    }

    private static func position(_ peer: PeerSettings) -> String { "peer:\(peer.name)" }

    package var status: Status { state.withLock { $0.status } }

    package func run(stop: StopToken) {
        var backoff = Backoff(minimum: 5, maximum: max(5, min(300, peer.interval * 30)))
        while !stop.isStopped {
            let isGood = poll(now: Timestamp.now.secondsSince1970, stop: stop)
            if isGood { backoff.reset() }
            stop.wait(seconds: isGood ? peer.interval : backoff.next())
        }
    }

    /// Asks once; whether the answer was good.
    @discardableResult
    package func poll(now: Double, stop: StopToken?) -> Bool {
        do throws(NetworkListText.Failure) {
            let count = try fetch(now: now, stop: stop)
            state.withLock { state in
                state.status.attempts += 1
                state.status.bans += count
                state.status.lastSuccess = now
                state.status.failure = nil
            }
            return true
        } catch {
            if stop?.isStopped == true { return false }
            state.withLock { state in
                state.status.attempts += 1
                state.status.failures += 1
                state.status.failure = "the peer \(peer.name): \(error.description)"
            }
            return false
        }
    }

    private func fetch(now: Double, stop: StopToken?) throws(NetworkListText.Failure) -> Int {
        let cursor = state.withLock { $0.cursor }
        let (time, nonce) = ("\(Int64(now))", SharingSignature.nonce())
        let hash = SharingSignature.sign(["feed request", time, nonce, cursor], RawSpan(), secret: secret)
        var body = ByteBuffer()
        do throws(HTTPFailure) {
            let target: HTTPTarget
            do throws(HTTPTargetError) {
                // A cursor that was taken has nothing in it that a URL could not.
                target = try HTTPTarget(parsing: peer.url + (peer.url.contains("?") ? "&" : "?") + "since=\(cursor)")
            } catch {
                throw .configuration(error.description)
            }
            var client = try HTTPClient(target, configuration: peer.http, userAgent: userAgent)
            let document = try client.get(
                headers: [HTTPHeader(BanFeed.header, "t=\(time),n=\(nonce),v1=\(hash)")], timeout: 30,
                bodyLimit: Self.bodyLimit, stop: stop, into: &body)
            switch document.status {
            case 200: if document.isTooLong { throw .configuration("answered with more than 16 MiB") }
            case 403: throw .configuration("does not accept our signature: compare the secrets and the hosts' clocks")
            default: throw .configuration("answered \(document.status) where 200 was expected")
            }
        } catch {
            throw NetworkListText.Failure(description: error.description)
        }
        return try take(body.bytes, nonce: nonce, now: now)
    }

    private func take(_ answer: RawSpan, nonce: String, now: Double) throws(NetworkListText.Failure) -> Int {
        let end = answer.firstIndex(of: 0x0a) ?? answer.byteCount
        let document = answer.slice(min(end + 1, answer.byteCount), answer.byteCount)
        guard end <= 256, let line = FeedHeader(String(lossy: answer.slice(0, end))), line.isTimely(now),
            SharingSignature.verify(line.hash, ["feed answer", line.time, nonce], document, secret: secret)
        else {
            throw NetworkListText.Failure(
                description:
                    "its answer is not signed with our secret within the last five minutes: compare the secrets and the hosts' clocks"
            )
        }
        let json: JSONValue
        do throws(JSONError) {
            json = try JSONValue(parsing: document)
        } catch {
            throw NetworkListText.Failure(description: error.description)
        }
        guard let cursor = json["cursor"]?.string, cursor.utf8.count <= 128,
            cursor.utf8.allSatisfy({ (0x30...0x39).contains($0) || (0x61...0x7a).contains($0) || $0 == 0x2d })
        else { throw NetworkListText.Failure(description: "expected a cursor, found none") }
        let bans = (json["bans"]?.elements ?? []).compactMap { SharedBan($0) }
        let isKept = self.bans.receive(bans, from: peer.name, now: now)
        state.withLock { $0.cursor = cursor }
        if isKept, !self.bans.keepsVotes { store?.setPosition(Self.position(peer), Array(cursor.utf8)) }
        return bans.count
    }
}
