/// Columns of values that are used again, so that an evaluation that is repeated allocates nothing.
///
/// Shared by the queries of one thread. It keeps at most `capacity` numbers in waiting.
package final class BufferPool {
    private var spare: [[Double]] = []
    private var spareCount = 0
    private let capacity: Int

    package init(capacity: Int = 256 << 10) { self.capacity = capacity }

    /// An empty array with room for `count` values.
    func take(_ count: Int) -> [Double] {
        guard var values = spare.popLast() else {
            var values: [Double] = []
            values.reserveCapacity(count)
            return values
        }
        spareCount -= values.capacity
        values.removeAll(keepingCapacity: true)
        values.reserveCapacity(count)
        return values
    }

    func give(_ values: consuming [Double]) {
        let room = values.capacity
        guard room > 0, spareCount + room <= capacity else { return }
        spareCount += room
        spare.append(values)
    }
}
