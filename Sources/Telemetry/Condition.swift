import Glibc

/// State that threads wait for changes of: a lock and a condition variable on the monotonic clock.
package final class Condition<State>: @unchecked Sendable {
    // At addresses of their own, which the calls want to stay what they are; all access is under the lock.
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private var state: State

    package init(_ state: sending State) {
        self.state = state
        pthread_mutex_init(mutex, nil)
        var attributes = pthread_condattr_t()
        pthread_condattr_init(&attributes)
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        pthread_cond_init(condition, &attributes)
        pthread_condattr_destroy(&attributes)
    }

    deinit {
        pthread_cond_destroy(condition)
        pthread_mutex_destroy(mutex)
        condition.deallocate()
        mutex.deallocate()
    }

    /// Looks at the state or changes it; wakes whoever waits when `body` says so.
    package func withLock<Result>(_ body: (inout State) throws -> Result) rethrows -> Result {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return try body(&state)
    }

    /// As `withLock`, and wakes all that wait.
    package func change<Result>(_ body: (inout State) throws -> Result) rethrows -> Result {
        // After the lock is given back, or whoever wakes would run into it and sleep once more.
        defer { pthread_cond_broadcast(condition) }
        return try withLock(body)
    }

    /// Waits until `body` returns something, asking again after each change, or until `deadline` on the monotonic clock;
    /// nil then.
    package func wait<Result>(until deadline: Timestamp, _ body: (inout State) -> Result?) -> Result? {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        let parts = deadline.parts
        var time = timespec(tv_sec: Int(parts.seconds), tv_nsec: Int(parts.nanoseconds))
        while true {
            if let result = body(&state) { return result }
            if pthread_cond_timedwait(condition, mutex, &time) == ETIMEDOUT { return body(&state) }
        }
    }
}
