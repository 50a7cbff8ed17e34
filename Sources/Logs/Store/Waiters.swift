import CLinux
import Glibc
import Synchronization
import Telemetry

/// Threads that wait for something to change in the store, each woken through a descriptor of its own, because they
/// wait for their stop token at the same time.
final class Waiters: Sendable {
    private let descriptors = Mutex<[Int32]>([])

    func wake() {
        descriptors.withLock { waiting in
            var one: UInt64 = 1
            for descriptor in waiting { _ = write(descriptor, &one, 8) }
        }
    }

    /// Waits until `isReady`, asked after every `wake`, for at most `seconds`, or until `stop`. Returns whether it
    /// is ready.
    func wait(seconds: Double, stop: StopToken, isReady: () -> Bool) -> Bool {
        if isReady() { return true }
        let descriptor = eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK))
        guard descriptor >= 0 else {
            stop.wait(seconds: min(seconds, 0.1))
            return isReady()
        }
        descriptors.withLock { $0.append(descriptor) }
        defer {
            descriptors.withLock { $0.removeAll { $0 == descriptor } }
            close(descriptor)
        }
        let limit = Timestamp.monotonic.nanoseconds &+ Int64(min(max(0, seconds), 1e9) * 1e9)
        var polls = [
            pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0),
            pollfd(fd: stop.descriptor, events: Int16(POLLIN), revents: 0),
        ]
        // Asked again once the descriptor is known: what changed in between has woken nobody.
        while !isReady() {
            let left = limit &- Timestamp.monotonic.nanoseconds
            if left <= 0 || stop.isStopped { return false }
            poll(&polls, 2, Int32(clamping: (left &+ 999_999) / 1_000_000))
            var count: UInt64 = 0
            _ = read(descriptor, &count, 8)
        }
        return true
    }
}
