import Synchronization

/// Columns of values that are used again, so that an evaluation that is repeated allocates nothing.
///
/// Shared by all queries of an engine. It keeps at most `capacity` numbers in waiting.
package final class BufferPool: Sendable {
    private struct Spare {
        var columns: [[Double]] = []
        /// Numbers that the columns have room for.
        var count = 0
    }

    private let spare = Mutex(Spare())
    private let capacity: Int

    package init(capacity: Int = 256 << 10) { self.capacity = capacity }

    /// An empty array with room for `count` values.
    func take(_ count: Int) -> [Double] {
        var values = spare.withLock { spare -> [Double] in
            guard let values = spare.columns.popLast() else { return [] }
            spare.count -= values.capacity
            return values
        }
        values.removeAll(keepingCapacity: true)
        values.reserveCapacity(count)
        return values
    }

    func give(_ values: consuming [Double]) {
        let room = values.capacity
        guard room > 0 else { return }
        let column = values
        spare.withLock { spare in
            guard spare.count + room <= capacity else { return }
            spare.count += room
            spare.columns.append(column)
        }
    }
}
