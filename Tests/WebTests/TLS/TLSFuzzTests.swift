import Glibc
import Logging
import Telemetry
import TestSupport
import Testing

@testable import Web

@Suite("TLS fed with garbage", .timeLimit(.minutes(2)))
struct TLSFuzzTests {
    /// A real first flight, to be damaged: what `openssl s_client` sends.
    private func clientHello() async -> [UInt8] {
        await offThread {
            let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            defer { close(listener) }
            var name = sockaddr_in()
            name.sin_family = sa_family_t(AF_INET)
            name.sin_addr.s_addr = inet_addr("127.0.0.1")
            var size = socklen_t(MemoryLayout<sockaddr_in>.size)
            withUnsafeMutablePointer(to: &name) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    _ = bind(listener, $0, size)
                    _ = listen(listener, 1)
                    _ = getsockname(listener, $0, &size)
                }
            }
            let port = UInt16(bigEndian: name.sin_port)
            let client = WorkerThread(name: "client") {
                _ = shell("timeout 10 openssl s_client -connect 127.0.0.1:\(port)")
            }
            let connection = accept(listener, nil, nil)
            var bytes = [UInt8](repeating: 0, count: 4096)
            let count = recv(connection, &bytes, bytes.count, 0)
            close(connection)
            client.join()
            return Array(bytes.prefix(max(0, count)))
        }
    }

    @Test("damaged records are refused, no connection is left over, and the server goes on")
    func fuzz() async throws {
        let seed = SeededRandom.seed()
        let hello = await clientHello()
        #expect(hello.count > 100)
        let file = try WebFile(WebFile.tls())
        defer { file.remove() }
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        let metrics = WebMetrics()
        let access = try WebAccess(path: file.path, metrics: MetricRegistry(), readiness: Readiness(), logger: logger)
        var configuration = ServerConfiguration()
        configuration.addresses = [try ListenAddress("127.0.0.1:0")]
        configuration.receiveTimeout = .milliseconds(200)
        var router = Router()
        router.on(.get, "/hello") { _ in .text("hello") }
        let server = WebServer(
            configuration: configuration, router: router, logger: logger, access: access, metrics: metrics)
        let address = try await server.start()[0]
        await offThread {
            var random = SeededRandom(seed: seed)
            var open: [RawClient] = []
            for _ in 0..<400 {
                guard let client = RawClient(address) else { continue }
                client.send(TLSFuzzTests.damaged(hello, &random))
                // Some go at once, some wait for what comes, some stay and say nothing more.
                switch Int.random(in: 0..<8, using: &random) {
                case 0: open.append(client)
                case 1: client.receiveSome()
                default: break
                }
                if open.count > 20 { open.removeFirst() }
            }
        }
        for _ in 0..<500 where metrics.openConnections > 0 { try await Task.sleep(for: .milliseconds(10)) }
        #expect(metrics.openConnections == 0, "seed \(seed)")
        guard case .tcp(_, let port) = address else { return }
        let answer = await offThread {
            shell("curl -sS -m 10 --cacert \(Certificates.directory)/ca.pem https://localhost:\(port)/hello").output
        }
        #expect(answer == "hello", "seed \(seed)")
        await server.stop()
    }

    private static func damaged(_ hello: [UInt8], _ random: inout SeededRandom) -> [UInt8] {
        var bytes = hello
        func byte() -> UInt8 { UInt8.random(in: 0...255, using: &random) }
        switch Int.random(in: 0..<6, using: &random) {
        case 0: bytes = (0..<Int.random(in: 1...3000, using: &random)).map { _ in byte() }
        case 1: bytes = [22, 3, byte() & 7, byte(), byte()] + (0..<200).map { _ in byte() }
        case 2: bytes.removeLast(Int.random(in: 1..<bytes.count, using: &random))
        case 3:
            // Whole, and then garbage in the place of what is encrypted.
            bytes += [byte() % 26, 3, 3, 0, 100] + (0..<100).map { _ in byte() }
        default:
            for _ in 0..<Int.random(in: 1...8, using: &random) {
                bytes[Int.random(in: 0..<bytes.count, using: &random)] = byte()
            }
        }
        return bytes
    }
}
