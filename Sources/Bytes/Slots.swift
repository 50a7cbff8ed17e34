/// A growable array of values that cannot be copied, such as buffers, with access in place.
///
/// Indices stay valid for the life of the value; nothing is ever removed. Appending is amortised O(1).
package struct Slots<Element: ~Copyable>: ~Copyable {
    private var storage: UnsafeMutablePointer<Element>
    private var capacity: Int
    package private(set) var count: Int

    package init() {
        capacity = 8
        storage = .allocate(capacity: capacity)
        count = 0
    }

    deinit {
        storage.deinitialize(count: count)
        storage.deallocate()
    }

    package mutating func append(_ element: consuming Element) {
        if count == capacity {
            let larger = UnsafeMutablePointer<Element>.allocate(capacity: capacity * 2)
            larger.moveInitialize(from: storage, count: count)
            storage.deallocate()
            storage = larger
            capacity *= 2
        }
        (storage + count).initialize(to: element)
        count += 1
    }

    package subscript(index: Int) -> Element {
        @inline(__always)
        _read {
            precondition(index >= 0 && index < count, "slot outside the array")
            yield storage[index]
        }
        @inline(__always)
        _modify {
            precondition(index >= 0 && index < count, "slot outside the array")
            yield &storage[index]
        }
    }
}
