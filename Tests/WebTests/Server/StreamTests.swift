import Logging
import Synchronization
import Testing
import Web

/// Counts what a streaming handler has come to.
private final class Progress: Sendable {
    private let state = Mutex((pieces: 0, hasEnded: false))
    var pieces: Int { state.withLock { $0.pieces } }
    var hasEnded: Bool { state.withLock { $0.hasEnded } }
    func wrote() { state.withLock { $0.pieces += 1 } }
    func ended() { state.withLock { $0.hasEnded = true } }

    /// Whether the handler ends within ten seconds.
    func ends() async -> Bool {
        for _ in 0..<1000 {
            if hasEnded { return true }
            try? await Task.sleep(for: .milliseconds(10))
        }
        return hasEnded
    }
}

private func router(_ progress: Progress) -> Router {
    var router = Router()
    router.on(.get, "/three") { _ in
        .ndjson { writer in for index in 1...3 { try await writer.write("{\"n\":\(index)}\n") } }
    }
    router.on(.get, "/endless") { _ in
        .ndjson { writer in
            defer { progress.ended() }
            let piece = [UInt8](repeating: 0x78, count: 65_536)
            while true {
                try await writer.write(piece)
                progress.wrote()
            }
        }
    }
    router.on(.get, "/quiet") { _ in
        .ndjson { writer in
            defer { progress.ended() }
            try await writer.write("first\n")
            while true { try await Task.sleep(for: .seconds(3600)) }
        }
    }
    return router
}

@Suite("Streamed responses", .timeLimit(.minutes(1)))
struct StreamTests {
    @Test("pieces arrive in chunks, and the connection goes on")
    func chunks() async throws {
        try await withServer(router(Progress())) { address in
            let pieces = await offThread { () -> [String?] in
                guard let client = RawClient(address) else { return [] }
                client.send(request("GET /three") + request("GET /three"))
                var pieces: [String?] = [client.head()?.headers["transfer-encoding"]]
                pieces += (0..<4).map { _ in client.chunk() }
                _ = client.head()
                return pieces + (0..<4).map { _ in client.chunk() }
            }
            let body = ["{\"n\":1}\n", "{\"n\":2}\n", "{\"n\":3}\n", ""]
            #expect(pieces == ["chunked"] + body + body)
        }
    }

    @Test("HEAD of a stream is its header alone")
    func head() async throws {
        try await withServer(router(Progress())) { address in
            let reply = await offThread { () -> (Int?, String?) in
                let client = RawClient(address)
                client?.send(request("HEAD /three"))
                return (client?.head()?.status, client?.bytes(1))
            }
            #expect(reply.0 == 200 && reply.1 == nil)
        }
    }

    @Test("a stream that has nothing to say ends when its client goes")
    func disconnect() async throws {
        let progress = Progress()
        try await withServer(router(progress)) { address in
            let first = await offThread { () -> String? in
                let client = RawClient(address)
                client?.send(request("GET /quiet"))
                _ = client?.head()
                return client?.chunk()
            }
            #expect(first == "first\n")
            #expect(await progress.ends())
        }
    }

    @Test("a client that takes nothing holds its stream back, and loses it in the end")
    func backpressure() async throws {
        let progress = Progress()
        try await withServer(router(progress), configure: { $0.idleTimeout = .milliseconds(500) }) { address in
            let client = await offThread { () -> Holder in
                let client = RawClient(address)
                client?.send(request("GET /endless"))
                return Holder(client)
            }
            #expect(await progress.ends())
            // What sockets buffer is some MiB; an endless writer without backpressure would be far beyond.
            #expect(progress.pieces < 1000)
            client.release()
        }
    }

    @Test("stopping ends streams at once and properly")
    func stop() async throws {
        let progress = Progress()
        var configuration = ServerConfiguration()
        // The port of a server that has stopped may soon be another one's.
        let file = try WebFile()
        defer { file.remove() }
        configuration.addresses = [try ListenAddress("unix:\(file.directory)/x.sock")]
        configuration.drainTimeout = .seconds(60)
        let server = WebServer(configuration: configuration, router: router(progress), logger: Logger(label: "test"))
        let address = try await server.start()[0]
        let client = await offThread { () -> Holder in
            let client = RawClient(address)
            client?.send(request("GET /quiet"))
            _ = client?.head()
            _ = client?.chunk()
            return Holder(client)
        }
        let begun = ContinuousClock.now
        await server.stop()
        #expect(ContinuousClock.now - begun < .seconds(50))
        #expect(await progress.ends())
        #expect(await offThread { client.use { $0.chunk() } } == "")
        #expect(await offThread { RawClient(address) == nil })
    }

    @Test("stopping lets a request in progress end, and takes no new one")
    func drain() async throws {
        let (gate, opening) = AsyncStream.makeStream(of: Void.self)
        let (arrival, arriving) = AsyncStream.makeStream(of: Void.self)
        var router = Router()
        router.on(.get, "/slow") { _ in
            arriving.finish()
            for await _ in gate {}
            return .text("done")
        }
        var configuration = ServerConfiguration()
        // As above.
        let file = try WebFile()
        defer { file.remove() }
        configuration.addresses = [try ListenAddress("unix:\(file.directory)/x.sock")]
        configuration.drainTimeout = .seconds(20)
        let server = WebServer(configuration: configuration, router: router, logger: Logger(label: "test"))
        let address = try await server.start()[0]
        async let answer = offThread { () -> RawClient.Reply? in
            let client = RawClient(address)
            client?.send(request("GET /slow"))
            return client?.reply()
        }
        for await _ in arrival {}
        async let stopped: Void = server.stop()
        while await offThread({ RawClient(address) != nil }) {}
        opening.finish()
        let reply = await answer
        await stopped
        #expect(reply?.status == 200 && reply?.body == "done")
    }

    @Test("a server that runs as a task ends when the task is cancelled")
    func run() async throws {
        var configuration = ServerConfiguration()
        configuration.addresses = [try ListenAddress("127.0.0.1:0")]
        let server = WebServer(configuration: configuration, router: Router(), logger: Logger(label: "test"))
        let task = Task { try await server.run() }
        task.cancel()
        try await task.value
    }
}

/// Carries a client from one thread to the next. Unchecked: the tests await one use before they begin the next.
private final class Holder: @unchecked Sendable {
    private var client: RawClient?
    init(_ client: RawClient?) { self.client = client }
    func release() { client = nil }
    func use<Value>(_ body: (RawClient) -> Value?) -> Value? { client.flatMap(body) }
}
