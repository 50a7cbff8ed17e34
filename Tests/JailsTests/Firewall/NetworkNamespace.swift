import CLinux
import Glibc
import Telemetry
import Testing

/// A network namespace of its own with nothing in it but the loopback device, for the thread that a test's body runs on.
enum NetworkNamespace {
    /// Whether tests may make one: root may.
    static let isAvailable: Bool = {
        if geteuid() == 0 { return true }
        print("tests of the firewall are left out: they need root")
        return false
    }()

    /// Runs `body` in a new namespace and throws what it throws.
    static func run(_ body: @escaping @Sendable () throws -> Void) async throws {
        try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
            WorkerThread(name: "namespace", stackSize: 8 << 20) {
                continuation.resume(
                    with: Result {
                        try enter()
                        try body()
                    })
            }.detach()
        }
    }

    /// unshare(2), which Swift's Glibc module does not have.
    static func enter() throws {
        let symbol = try #require(dlsym(nil, "unshare"))
        let unshare = unsafeBitCast(symbol, to: (@convention(c) (Int32) -> Int32).self)
        // CLONE_NEWNET
        try #require(unshare(0x4000_0000) == 0)
    }

    /// Takes all capabilities from the calling thread (capset(2), which has no declaration in glibc's headers).
    static func dropRights() throws {
        let symbol = try #require(dlsym(nil, "capset"))
        let capset = unsafeBitCast(
            symbol, to: (@convention(c) (UnsafeMutableRawPointer, UnsafeMutableRawPointer) -> Int32).self)
        // _LINUX_CAPABILITY_VERSION_3, the calling thread; three masks of 64 bits.
        var header: (UInt32, Int32) = (0x2008_0522, 0)
        var none: (UInt64, UInt64, UInt64) = (0, 0, 0)
        try #require(capset(&header, &none) == 0)
    }

    /// What a shell command prints, run in the calling thread's namespace.
    static func shell(_ command: String) throws -> String {
        let pipe = try #require(popen(command + " 2>&1", "r"))
        var text: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = fread(&buffer, 1, buffer.count, pipe)
            if count <= 0 { break }
            text += buffer[..<count]
        }
        pclose(pipe)
        return String(decoding: text, as: UTF8.self)
    }

    /// The number by which other programs name the calling thread's namespace.
    static func threadNumber() throws -> String {
        var path = [CChar](repeating: 0, count: 100)
        let length = readlink("/proc/thread-self", &path, path.count)
        let text = String(decoding: path.prefix(max(0, length)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return try String(#require(text.split(separator: "/").last))
    }

    /// Listens on a port of all addresses.
    static func listen(_ port: Int) throws -> Int32 {
        let descriptor = socket(AF_INET6, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in6()
        address.sin6_family = sa_family_t(AF_INET6)
        address.sin6_port = in_port_t(port).bigEndian
        let isBound = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in6>.size)) == 0
            }
        }
        try #require(isBound && Glibc.listen(descriptor, 16) == 0)
        return descriptor
    }

    /// Waits at most `seconds` until `condition` holds.
    static func await(_ seconds: Double = 3, _ condition: () throws -> Bool) rethrows -> Bool {
        let end = Timestamp.monotonic.adding(seconds: seconds)
        while try !condition() {
            if Timestamp.monotonic >= end { return false }
            usleep(10_000)
        }
        return true
    }
}

/// A thread with a network namespace of its own that does what it is told.
final class NamespaceThread: Sendable {
    private struct Task {
        var work: (@Sendable () -> Void)?
        var isOver = false
    }

    private let task = Condition(Task())

    init() {
        WorkerThread(name: "namespace", stackSize: 8 << 20) { [task] in
            guard (try? NetworkNamespace.enter()) != nil else { return }
            while true {
                let work = task.wait(until: .monotonic.adding(seconds: 60)) { task in
                    defer { task.work = nil }
                    return task.work ?? (task.isOver ? {} : nil)
                }
                guard let work, !task.withLock({ $0.isOver }) else { return }
                work()
            }
        }.detach()
    }

    @discardableResult
    func run<Result: Sendable>(_ body: @escaping @Sendable () throws -> Result) throws -> Result {
        let answer = Condition<Swift.Result<Result, any Error>?>(nil)
        task.change { $0.work = { answer.change { $0 = Swift.Result { try body() } } } }
        return try #require(answer.wait(until: .monotonic.adding(seconds: 30)) { $0 }).get()
    }

    func end() { task.change { $0.isOver = true } }
}
