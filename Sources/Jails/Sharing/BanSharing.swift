import Bytes
import Configuration
import Synchronization
import Telemetry

/// All of the sharing of one host: its feed, the peers it asks and Redis, each on a thread of its own. Safe from any thread.
package final class BanSharing: Sendable {
    package let settings: SharingSettings
    package let bans: SharedBans
    private let feed: BanFeed
    private let readers: [BanFeedReader]
    private let redis: RedisSharing?
    private let threads = Mutex<[WorkerThread]>([])
    private let stopToken = StopToken()

    /// - Parameters:
    ///   - host: this host's name where the settings give none.
    ///   - store: has the bans that stand, and keeps how far others have been read.
    ///   - exempt, emit: as `SharedBans` has them.
    package init(
        _ settings: SharingSettings, host: String, userAgent: String, store: BanStore,
        exempt: @escaping @Sendable () -> [IPNetwork], emit: @escaping @Sendable ([BanChange]) -> Bool
    ) {
        let name = settings.name.isEmpty ? host : settings.name
        let bans = SharedBans(
            trust: settings.trust, others: settings.redis?.trust, threshold: settings.threshold, exempt: exempt,
            emit: emit)
        self.settings = settings
        self.bans = bans
        feed = BanFeed(name: name, secret: settings.secret) { store.bans(of: nil) }
        readers = settings.peers.map {
            BanFeedReader($0, secret: settings.secret, userAgent: userAgent, bans: bans, store: store)
        }
        redis = settings.redis.map {
            RedisSharing($0, name: name, secret: settings.secret, bans: bans, store: store)
        }
    }

    package func start() {
        threads.withLock { threads in
            guard threads.isEmpty else { return }
            for reader in readers {
                threads.append(WorkerThread(name: "ban-peer") { [stopToken] in reader.run(stop: stopToken) })
            }
            if let redis {
                threads.append(WorkerThread(name: "ban-redis") { [stopToken] in redis.run(stop: stopToken) })
            }
        }
    }

    /// Ends the threads and waits for them. Once.
    package func stop() {
        stopToken.stop()
        let threads = threads.withLock { threads in
            defer { threads = [] }
            return threads
        }
        for thread in threads { thread.join() }
    }

    /// Tells others, where it is theirs to know; does not wait.
    package func publish(_ change: BanChange, now: Double) {
        feed.publish(change, now: now)
        redis?.publish(change, now: now)
    }

    /// `GET /api/bans/feed?since=…` with its header `X-Tocsin-Signature`.
    package func answer(since: String, signature: String?, now: Double) -> BanFeed.Answer {
        feed.answer(since: since, signature: signature, now: now)
    }

    /// How each part is doing, by the name that readiness shows: `bans/peer/NAME`, `bans/redis`.
    package var states: [(name: String, state: PartState)] {
        var states = readers.map { reader in
            let status = reader.status
            let state: PartState = status.attempts == 0 ? .starting : status.failure.map { .degraded($0) } ?? .ok
            return (name: "bans/peer/\(reader.peer.name)", state: state)
        }
        if let status = redis?.status {
            let isUp = status.isReading && status.isWriting
            states.append(("bans/redis", isUp ? .ok : status.failure.map { .degraded($0) } ?? .starting))
        }
        return states
    }
}
