import Glibc

/// A growable run of raw bytes that is reused from line to line and never copied by accident.
///
/// The one owner of raw memory in the hot path: everything else sees it through `bytes`, a bounds-checked
/// `RawSpan`. Appending is amortised O(1) per byte; the capacity never shrinks by itself (`release`). An empty one
/// holds no memory.
package struct ByteBuffer: ~Copyable {
    // Of these three whoever appends must know in every module, or each byte costs a call.

    /// Points nowhere while `room` is 0.
    @usableFromInline var base: UnsafeMutableRawPointer
    @usableFromInline var room: Int
    @usableFromInline var used: Int

    /// Bytes allocated.
    package var capacity: Int { room }
    /// Bytes in use.
    @inlinable package var count: Int { used }

    package init(capacity: Int = 0) {
        room = max(capacity, 0)
        base =
            room > 0 ? UnsafeMutableRawPointer.allocate(byteCount: room, alignment: 16) : Self.nowhere
        used = 0
    }

    deinit { if room > 0 { base.deallocate() } }

    /// What `base` is without memory. 16 is not 0, so the pointer exists.
    private static var nowhere: UnsafeMutableRawPointer {
        UnsafeMutableRawPointer(bitPattern: 16).unsafelyUnwrapped
    }

    package var isEmpty: Bool { count == 0 }

    /// The bytes in use.
    package var bytes: RawSpan {
        @_lifetime(borrow self)
        get {
            let span = RawSpan(_unsafeStart: UnsafeRawPointer(base), byteCount: count)
            return unsafe _overrideLifetime(span, borrowing: self)
        }
    }

    /// Makes room for `additional` bytes after `count`.
    @inlinable @inline(__always)
    package mutating func reserve(_ additional: Int) {
        if used &+ additional > room { grow(to: used + additional) }
    }

    @inline(never) @usableFromInline
    mutating func grow(to needed: Int) {
        let wanted = max(needed, room &* 2, 16)
        guard let moved = realloc(room > 0 ? base : nil, wanted) else {
            // Nothing sensible can run on without memory; the kernel's own killer would say less.
            fatalError("out of memory: cannot grow a buffer to \(wanted) bytes")
        }
        base = moved
        room = wanted
    }

    @inlinable @inline(__always)
    package mutating func append(_ byte: UInt8) {
        reserve(1)
        base.storeBytes(of: byte, toByteOffset: used, as: UInt8.self)
        used &+= 1
    }

    @inline(__always)
    package mutating func append(_ span: RawSpan) {
        let length = span.byteCount
        guard length > 0 else { return }
        reserve(length)
        span.withUnsafeBytes { source in
            guard let start = source.baseAddress else { return }
            memcpy(base + used, start, length)
        }
        used &+= length
    }

    package mutating func append(_ bytes: UnsafeRawBufferPointer) {
        guard let start = bytes.baseAddress, bytes.count > 0 else { return }
        reserve(bytes.count)
        memcpy(base + used, start, bytes.count)
        used &+= bytes.count
    }

    package mutating func append(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { append($0) }
    }

    package mutating func append(_ text: borrowing String) {
        var copy = copy text
        copy.withUTF8 { append(UnsafeRawBufferPointer($0)) }
    }

    package mutating func append(_ text: StaticString) {
        append(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    /// Little-endian, fixed width.
    @inline(__always)
    package mutating func append<T: FixedWidthInteger & BitwiseCopyable>(littleEndian value: T) {
        reserve(MemoryLayout<T>.size)
        base.storeBytes(of: value.littleEndian, toByteOffset: used, as: T.self)
        used &+= MemoryLayout<T>.size
    }

    /// Overwrites bytes already in use with a little-endian integer.
    package mutating func overwrite<T: FixedWidthInteger & BitwiseCopyable>(at offset: Int, littleEndian value: T) {
        precondition(offset >= 0 && offset + MemoryLayout<T>.size <= count, "overwrite at \(offset) outside \(count)")
        base.storeBytes(of: value.littleEndian, toByteOffset: offset, as: T.self)
    }

    /// Hands `body` at least `atLeast` uninitialised bytes after the ones in use; it returns how many it filled.
    package mutating func appendUninitialized<E: Error>(
        atLeast: Int, _ body: (UnsafeMutableRawBufferPointer) throws(E) -> Int
    ) throws(E) -> Int {
        reserve(atLeast)
        let room = UnsafeMutableRawBufferPointer(start: base + used, count: capacity - count)
        let filled = try body(room)
        precondition(filled >= 0 && filled <= room.count, "filled \(filled) of \(room.count) bytes")
        used &+= filled
        return filled
    }

    package mutating func removeAll() { used = 0 }

    /// Keeps the first `newCount` bytes.
    package mutating func truncate(to newCount: Int) {
        precondition(newCount >= 0 && newCount <= count, "truncate to \(newCount) of \(count)")
        used = newCount
    }

    /// Drops the first `length` bytes, moving the rest to the front. O(count).
    package mutating func removeFirst(_ length: Int) {
        precondition(length >= 0 && length <= count, "remove \(length) of \(count)")
        guard length > 0 else { return }
        memmove(base, base + length, count - length)
        used &-= length
    }

    /// Gives the memory back, down to `capacity` bytes.
    package mutating func release(downTo capacity: Int = 0) {
        let wanted = max(capacity, count)
        guard wanted < self.capacity else { return }
        if wanted == 0 {
            base.deallocate()
            base = Self.nowhere
        } else {
            guard let moved = realloc(base, wanted) else { return }
            base = moved
        }
        room = wanted
    }
}
