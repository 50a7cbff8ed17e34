import Glibc

/// A whole file, mapped for reading: its pages are the kernel's, come when they are looked at and go when memory is short.
///
/// A thread that reads guards itself first (`clinux_guard_mappings`), in case the file is truncated by somebody.
package final class MappedFile: Sendable {
    package let path: String
    package let count: Int
    // Read-only, and unmapped with the last reference.
    private nonisolated(unsafe) let base: UnsafeMutableRawPointer?

    package init(path: String) throws(SystemError) {
        let file = try StoreFile(path: path, flags: O_RDONLY | O_NONBLOCK)
        self.path = path
        count = Int(clamping: try file.size())
        guard count > 0 else {
            base = nil
            return
        }
        let mapped = mmap(nil, count, PROT_READ, MAP_SHARED, file.descriptor, 0)
        if mapped == MAP_FAILED { throw SystemError(call: "mmap", path: path, code: errno) }
        base = mapped
    }

    deinit { if let base { munmap(base, count) } }

    /// Gives its pages back to the page cache, from which they come again when they are read. Any thread, at any time.
    package func releasePages() { if let base { madvise(base, count, MADV_DONTNEED) } }

    package func withBytes<Result, E: Error>(_ body: (RawSpan) throws(E) -> Result) throws(E) -> Result {
        try body(UnsafeRawBufferPointer(start: base, count: base == nil ? 0 : count).bytes)
    }
}
