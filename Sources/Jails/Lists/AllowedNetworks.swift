import Bytes
import Synchronization

/// Whom lists allow: no jail, list or other host bans them. Safe from any thread.
package final class AllowedNetworks: Sendable {
    private let lists = Mutex<[(name: String, networks: NetworkList)]>([])

    package init() {}

    /// In place of what was said before.
    package func set(_ new: [(name: String, networks: NetworkList)]) {
        lists.withLock { $0 = new.filter { !$0.networks.isEmpty } }
    }

    package var isEmpty: Bool { lists.withLock { $0.isEmpty } }

    /// The first list that has an address of another network, with a network of its own that does. O(lists × log n).
    package func overlapping(_ network: IPNetwork) -> (list: String, network: IPNetwork)? {
        lists.withLock { lists in
            for (name, networks) in lists {
                if let hit = networks.overlapping(network) { return (name, hit) }
            }
            return nil
        }
    }
}
