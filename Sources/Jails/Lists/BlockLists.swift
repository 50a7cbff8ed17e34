import Bytes
import Synchronization
import Telemetry

/// All lists of one host, each on a thread of its own. Safe from any thread.
package final class BlockLists: Sendable {
    package let lists: [BlockList]
    private let threads = Mutex<[WorkerThread]>([])
    private let stopToken = StopToken()

    package init(_ lists: [BlockList]) { self.lists = lists }

    package func start() {
        threads.withLock { threads in
            guard threads.isEmpty else { return }
            threads = lists.map { list in
                WorkerThread(name: "ban-list") { [stopToken] in list.run(stop: stopToken) }
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

    /// The lists that have all of an address or network, with the network of each in which it lies.
    package func lists(with network: IPNetwork) -> [(list: BlockList, network: IPNetwork)] {
        lists.compactMap { list in list.networks.covering(network).map { (list, $0) } }
    }

    /// How each is doing, by the name that readiness shows: `bans/list/NAME`.
    package var states: [(name: String, state: PartState)] {
        lists.map { list in
            let status = list.status
            let state: PartState =
                status.attempts == 0 ? .starting : (status.failure ?? status.copyFailure).map { .degraded($0) } ?? .ok
            return ("bans/list/\(list.settings.name)", state)
        }
    }
}
