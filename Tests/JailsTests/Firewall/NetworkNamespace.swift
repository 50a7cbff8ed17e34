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
    private static func enter() throws {
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
