import CLinux
import Glibc

/// One inotify instance, and everything a file source's thread waits for, in one epoll.
package final class ChangeWatcher {
    package struct Event {
        package var watch: Int32
        package var mask: UInt32
        package var name: String

        /// The kernel's queue was full: events are missing.
        package var isOverflow: Bool { mask & UInt32(IN_Q_OVERFLOW) != 0 }
        /// The watch is gone.
        package var isIgnored: Bool { mask & UInt32(IN_IGNORED) != 0 }
        /// What is watched was renamed.
        var isMoved: Bool { mask & UInt32(IN_MOVE_SELF) != 0 }
    }

    private let inotify: Int32
    private let epoll: Int32
    private(set) var watchCount = 0
    /// No more watches may be had: changes are only found by looking.
    private(set) var isExhausted = false

    private static let fileMask = UInt32(IN_MODIFY | IN_ATTRIB | IN_MOVE_SELF | IN_DELETE_SELF)
    private static let directoryMask = UInt32(
        IN_CREATE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR)

    /// Waits for `descriptors` beside changes of files.
    package init(descriptors: [Int32], usesNotices: Bool = true) throws(SourceError) {
        inotify = usesNotices ? inotify_init1(Int32(IN_CLOEXEC) | Int32(IN_NONBLOCK)) : -1
        epoll = epoll_create1(Int32(EPOLL_CLOEXEC))
        guard epoll >= 0 else {
            throw SourceError("cannot create an epoll instance: \(String(cString: strerror(errno)))")
        }
        isExhausted = inotify < 0
        for descriptor in descriptors + (inotify < 0 ? [] : [inotify]) { try follow(descriptor) }
    }

    /// Waits for this descriptor too, until it is closed.
    package func follow(_ descriptor: Int32) throws(SourceError) {
        var event = epoll_event()
        event.events = EPOLLIN.rawValue
        event.data.fd = descriptor
        guard epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event) == 0 else {
            throw SourceError("cannot wait for descriptor \(descriptor): \(String(cString: strerror(errno)))")
        }
    }

    deinit {
        if inotify >= 0 { close(inotify) }
        if epoll >= 0 { close(epoll) }
    }

    /// Waits until something is readable or `seconds` have passed.
    package func wait(seconds: Double) {
        var event = epoll_event()
        let milliseconds = max(0, min(seconds * 1000, 60_000)).rounded(.up)
        _ = epoll_wait(epoll, &event, 1, Int32(milliseconds))
    }

    /// Watches an open file through its descriptor's path; -1 where that is not possible.
    package func watchFile(_ path: String) -> Int32 { add(path, Self.fileMask) }

    /// Watches the names in a directory; -1 where that is not possible.
    package func watchDirectory(_ path: String) -> Int32 { add(path, Self.directoryMask) }

    private func add(_ path: String, _ mask: UInt32) -> Int32 {
        guard inotify >= 0 else { return -1 }
        let watch = inotify_add_watch(inotify, path, mask)
        if watch >= 0 {
            watchCount += 1
            isExhausted = false
        } else if errno == ENOSPC || errno == ENOMEM {
            isExhausted = true
        }
        return watch
    }

    package func remove(_ watch: Int32) {
        guard watch >= 0, inotify >= 0 else { return }
        inotify_rm_watch(inotify, watch)
        watchCount = max(0, watchCount - 1)
    }

    /// Hands out all events that are there.
    package func drain(_ body: (Event) -> Void) {
        guard inotify >= 0 else { return }
        withUnsafeTemporaryAllocation(byteCount: 64 << 10, alignment: 8) { buffer in
            while true {
                let count = read(inotify, buffer.baseAddress, buffer.count)
                guard count > 0 else { return }
                var offset = 0
                let header = MemoryLayout<inotify_event>.size
                while offset + header <= count {
                    let event = buffer.loadUnaligned(fromByteOffset: offset, as: inotify_event.self)
                    let length = Int(event.len)
                    let name = UnsafeRawBufferPointer(rebasing: buffer[(offset + header)..<(offset + header + length)])
                    let text = String(decoding: name.prefix { $0 != 0 }, as: UTF8.self)
                    body(Event(watch: event.wd, mask: event.mask, name: text))
                    offset += header + length
                }
            }
        }
    }
}
