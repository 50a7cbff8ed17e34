import CLinux
import Glibc
import Synchronization

/// Tells a thread to end: a flag to look at and a descriptor to wait on.
///
/// `descriptor` becomes readable when `stop()` is called and stays so: put it into epoll or poll.
package final class StopToken: Sendable {
    private let stopped = Atomic<Bool>(false)
    /// An eventfd; readable from `stop()` on.
    package let descriptor: Int32
    /// Whose descriptor it is, where this token is one for a while only.
    private let parent: StopToken?
    /// On the monotonic clock.
    private let deadline: Int64

    package init() {
        descriptor = eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK))
        precondition(descriptor >= 0, "no eventfd: errno \(errno)")
        parent = nil
        deadline = .max
    }

    /// Stopped when `parent` is, or after `seconds`: for one call that is not to wait longer. The descriptor is the
    /// parent's and does not tell the latter.
    package init(_ parent: StopToken, seconds: Double) {
        self.parent = parent
        descriptor = parent.descriptor
        deadline = Timestamp.monotonic.nanoseconds + Int64(min(max(0, seconds), 1e9) * 1e9)
    }

    deinit { if parent == nil { close(descriptor) } }

    package var isStopped: Bool {
        if stopped.load(ordering: .acquiring) { return true }
        guard let parent else { return false }
        return parent.isStopped || Timestamp.monotonic.nanoseconds >= deadline
    }

    package func stop() {
        guard parent == nil else { return stopped.store(true, ordering: .releasing) }
        guard !stopped.exchange(true, ordering: .acquiringAndReleasing) else { return }
        var one: UInt64 = 1
        write(descriptor, &one, 8)
    }

    /// Sleeps until `stop()` or for at most `seconds`; returns whether it is stopped.
    @discardableResult
    package func wait(seconds: Double) -> Bool {
        var poll = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        let limit = min(deadline, Timestamp.monotonic.nanoseconds + Int64(seconds * 1e9))
        while !isStopped {
            let left = limit - Timestamp.monotonic.nanoseconds
            if left <= 0 { break }
            Glibc.poll(&poll, 1, Int32(clamping: (left + 999_999) / 1_000_000))
        }
        return isStopped
    }
}

/// A thread of our own, for what blocks: never the cooperative pool.
package final class WorkerThread: Sendable {
    /// Bytes, of threads that do nothing special.
    package static let stackSize = 512 << 10

    private let handle: pthread_t

    private final class Start: Sendable {
        let name: String
        let body: @Sendable () -> Void
        init(name: String, body: @escaping @Sendable () -> Void) {
            self.name = name
            self.body = body
        }
    }

    /// Starts `body` on a new thread. `name` is cut to 15 bytes; the stack has `stackSize` bytes.
    package init(name: String, stackSize: Int = WorkerThread.stackSize, _ body: @escaping @Sendable () -> Void) {
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        pthread_attr_setstacksize(&attributes, stackSize)
        let start = Unmanaged.passRetained(Start(name: name, body: body)).toOpaque()
        var thread = pthread_t()
        let result = pthread_create(
            &thread, &attributes,
            { argument in
                guard let argument else { return nil }
                let start = Unmanaged<Start>.fromOpaque(argument).takeRetainedValue()
                clinux_name_thread(start.name)
                // Signals belong to the main thread's handlers.
                var all = sigset_t()
                sigfillset(&all)
                pthread_sigmask(SIG_BLOCK, &all, nil)
                start.body()
                return nil
            }, start)
        precondition(result == 0, "no thread: errno \(result)")
        pthread_attr_destroy(&attributes)
        handle = thread
    }

    /// Lets it end by itself. Instead of `join`.
    package func detach() { pthread_detach(handle) }

    /// Waits for its end. Call once.
    package func join() { pthread_join(handle, nil) }
}
