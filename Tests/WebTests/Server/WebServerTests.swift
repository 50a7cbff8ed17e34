import Glibc
import Logging
import NIOCore
import Synchronization
import Telemetry
import Testing
import Web

private func routes() -> Router {
    var router = Router()
    router.on(.get, "/hello") { _ in .text("hello") }
    router.on(.get, "/echo/{word}") { .text($0.parameters["word", default: ""] + "|" + ($0.query["q"] ?? "")) }
    router.on(.post, "/length") { .text("\($0.body.count)") }
    router.on(.get, "/breaks") { _ in throw WebServerError("it broke") }
    router.on(.get, "/split") { _ in Response(headers: ["X-Odd": "a\r\nInjected: b"]) }
    return router
}

@Suite("The server, over real sockets", .timeLimit(.minutes(1)))
struct WebServerTests {
    @Test("a connection is kept for the next request and closed on request")
    func keepAlive() async throws {
        try await withServer(routes()) { address in
            let replies = await offThread { () -> ([RawClient.Reply?], Bool) in
                guard let client = RawClient(address) else { return ([], false) }
                var replies: [RawClient.Reply?] = []
                client.send(request("GET /hello"))
                replies.append(client.reply())
                client.send(request("GET /echo/a%20b?q=%C3%BC+x"))
                replies.append(client.reply())
                client.send(request("GET /hello", "Connection: close"))
                replies.append(client.reply())
                return (replies, client.isClosed())
            }
            #expect(replies.0.map { $0?.body } == ["hello", "a b|ü x", "hello"])
            #expect(replies.0[2]?.headers["connection"] == "close" && replies.1)
        }
    }

    @Test("requests sent at once are answered in their order")
    func pipelining() async throws {
        try await withServer(routes()) { address in
            let bodies = await offThread { () -> [String?] in
                guard let client = RawClient(address) else { return [] }
                client.send((0..<200).map { request("GET /echo/\($0)") }.joined())
                return (0..<200).map { _ in client.reply()?.body }
            }
            #expect(bodies == (0..<200).map { "\($0)|" })
        }
    }

    @Test("what comes behind a good request and is none gets its own answer")
    func pipelinedGarbage() async throws {
        try await withServer(routes()) { address in
            let statuses = await offThread { () -> [Int?] in
                guard let client = RawClient(address) else { return [] }
                client.send(request("GET /hello") + "NONSENSE\r\n\r\n")
                return [client.reply()?.status, client.reply()?.status]
            }
            #expect(statuses == [200, 400])
        }
    }

    @Test(
        "a request that cannot be served gets its status and one sentence, as JSON",
        arguments: [
            ("GET /nowhere HTTP/1.1\r\nHost: localhost\r\n\r\n", 404),
            ("DELETE /hello HTTP/1.1\r\nHost: localhost\r\n\r\n", 405),
            ("BREW /hello HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
            ("PROPFIND /hello HTTP/1.1\r\nHost: localhost\r\n\r\n", 501),
            ("GET /hello HTTP/1.1\r\n\r\n", 400),
            ("GET /hello HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
            ("GET /echo/%zz HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
            ("GET /echo/%ff HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
            ("GET /echo/a?b=% HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
            ("GET /breaks HTTP/1.1\r\nHost: localhost\r\n\r\n", 500),
            ("hello\r\n\r\n", 400), ("\u{16}\u{3}\u{1}\r\n\r\n", 400),
            ("GET /hello HTTP/1.1\r\nHost: localhost\r\nX-Big: \(String(repeating: "x", count: 40_000))\r\n\r\n", 431),
            ("GET /\(String(repeating: "x", count: 40_000)) HTTP/1.1\r\nHost: localhost\r\n\r\n", 431),
            ("POST /length HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2000\r\n\r\n", 413),
            ("POST /length HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999999999999999\r\n\r\n", 400),
            ("POST /length HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n", 400),
            (
                "POST /length HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
                    + "7d0\r\n\(String(repeating: "y", count: 2000))\r\n0\r\n\r\n", 413
            ),
        ])
    func errors(sent: String, status: Int) async throws {
        try await withServer(routes(), configure: { $0.bodyLimit = 1000 }) { address in
            let reply = await offThread { () -> RawClient.Reply? in
                let client = RawClient(address)
                client?.send(sent)
                return client?.reply()
            }
            #expect(reply?.status == status)
            #expect(reply?.headers["content-type"] == "application/json")
            #expect(reply?.body.hasPrefix("{\"error\":\"") == true)
            if status == 405 { #expect(reply?.headers["allow"] == "GET, HEAD") }
        }
    }

    @Test("HEAD has GET's header and no body, and the connection goes on")
    func head() async throws {
        try await withServer(routes()) { address in
            let replies = await offThread { () -> [RawClient.Reply?] in
                guard let client = RawClient(address) else { return [] }
                client.send(request("HEAD /hello") + request("GET /hello"))
                return [client.reply(hasBody: false), client.reply()]
            }
            #expect(replies[0]?.headers["content-length"] == "5" && replies[1]?.body == "hello")
        }
    }

    @Test("a body arrives whole, in chunks too, and 100-continue is answered")
    func body() async throws {
        try await withServer(routes()) { address in
            let results = await offThread { () -> [String?] in
                guard let client = RawClient(address) else { return [] }
                let body = String(repeating: "z", count: 3_000_000)
                client.send(request("POST /length", "Content-Length: 3000000", "Expect: 100-continue"))
                let proceed = client.head().map { "\($0.status)" }
                client.send(body)
                let whole = client.reply()?.body
                client.send(
                    request("POST /length", "Transfer-Encoding: chunked") + "5\r\nabcde\r\n3\r\nfgh\r\n0\r\n\r\n")
                return [proceed, whole, client.reply()?.body]
            }
            #expect(results == ["100", "3000000", "8"])
        }
    }

    @Test("a header value cannot begin another header")
    func splitting() async throws {
        try await withServer(routes()) { address in
            let reply = await offThread { () -> RawClient.Reply? in
                let client = RawClient(address)
                client?.send(request("GET /split"))
                return client?.reply()
            }
            #expect(reply?.status == 200 && reply?.headers["injected"] == nil)
        }
    }

    @Test("an HTTP/1.0 client gets its answer and the end of the connection")
    func oldClient() async throws {
        try await withServer(routes()) { address in
            let reply = await offThread { () -> (String?, Bool) in
                let client = RawClient(address)
                client?.send("GET /hello HTTP/1.0\r\n\r\n")
                return (client?.reply()?.body, client?.isClosed() ?? false)
            }
            #expect(reply.0 == "hello" && reply.1)
        }
    }

    @Test("a client that never ends its request, or sends none, is let go")
    func slowClient() async throws {
        try await withServer(
            routes(),
            configure: {
                $0.receiveTimeout = .milliseconds(100)
                $0.idleTimeout = .milliseconds(100)
            }
        ) { address in
            let results = await offThread { () -> [Bool] in
                let silent = RawClient(address)
                let partial = RawClient(address)
                partial?.send("GET /hello HTTP/1.1\r\nHost: loc")
                let body = RawClient(address)
                body?.send(request("POST /length", "Content-Length: 10") + "abc")
                let idle = RawClient(address)
                idle?.send(request("GET /hello"))
                return [
                    silent?.isClosed() == true, partial?.isClosed() == true, body?.reply()?.status == 408,
                    idle?.reply()?.status == 200 && idle?.isClosed() == true,
                ]
            }
            #expect(results == [true, true, true, true])
        }
    }

    @Test("bytes now and then do not hold a connection, not even behind a good request")
    func slowHeaders() async throws {
        let metrics = WebMetrics()
        try await withServer(
            routes(), metrics: metrics, configure: { $0.receiveTimeout = .milliseconds(300) }
        ) { address in
            let results = await offThread { () -> [Bool] in
                let client = RawClient(address)
                client?.send(request("GET /hello"))
                let isAnswered = client?.reply()?.status == 200
                let begin = ContinuousClock.now
                var isOpen = true
                var sent = 0
                while isOpen, begin.duration(to: .now) < .seconds(20) {
                    isOpen = client?.send(sent == 0 ? "GET /hello HTTP/1.1\r\nX: " : "x") == true
                    sent += 1
                    usleep(50_000)
                }
                return [isAnswered, !isOpen, begin.duration(to: .now) < .seconds(10)]
            }
            #expect(results == [true, true, true])
            #expect(metrics.count(.timeout) == 1 && metrics.openConnections == 0)
        }
    }

    @Test("an answer that does not come is given up, and its handler is cancelled")
    func slowHandler() async throws {
        let wasCancelled = Mutex(false)
        var router = Router()
        router.on(.get, "/slow") { _ in
            do {
                try await Task.sleep(for: .seconds(3600))
            } catch {
                wasCancelled.withLock { $0 = true }
                throw error
            }
            return .text("late")
        }
        try await withServer(router, configure: { $0.answerTimeout = .milliseconds(100) }) { address in
            let reply = await offThread { () -> (Int?, Bool) in
                let client = RawClient(address)
                client?.send(request("GET /slow"))
                return (client?.reply()?.status, client?.isClosed() ?? false)
            }
            #expect(reply.0 == 503 && reply.1)
            for _ in 0..<500 where !wasCancelled.withLock({ $0 }) { try await Task.sleep(for: .milliseconds(10)) }
            #expect(wasCancelled.withLock { $0 })
        }
    }

    @Test("a scraper's timeout and repeated parameters reach the handler, and a buffer is answered as it is")
    func scrape() async throws {
        var router = Router()
        router.on(.get, "/scrape") { request in
            let isSound = request.received <= .now
            let text = "\(request.query.all("collect[]")) \(request.scrapeTimeout == .seconds(10)) \(isSound)"
            return Response(body: .buffer(ByteBuffer(string: text)))
        }
        try await withServer(router) { address in
            let body = await offThread { () -> String? in
                let client = RawClient(address)
                client?.send(
                    request("GET /scrape?collect[]=a&collect%5B%5D=b", "X-Prometheus-Scrape-Timeout-Seconds: 10"))
                return client?.reply()?.body
            }
            #expect(body == "[\"a\", \"b\"] true true")
        }
    }

    @Test(
        "a timeout that is no number of seconds is none",
        arguments: [
            ("10", 10), ("1.5", 1.5), ("0.4", 0.4), ("0", nil), ("-1", nil), ("nan", nil), ("inf", nil), ("1e99", nil),
            ("", nil), ("10s", nil), (nil, nil),
        ] as [(String?, Double?)])
    func scrapeTimeout(field: String?, seconds: Double?) throws {
        var asked = Request(method: .get, path: "/", query: try #require(Query("")))
        asked.headers["X-Prometheus-Scrape-Timeout-Seconds"] = field
        #expect(asked.scrapeTimeout == seconds.map { .seconds($0) })
    }

    @Test("a connection over the limit is closed at once, and there is room again when one goes")
    func connectionLimit() async throws {
        try await withServer(routes(), configure: { $0.connectionLimit = 2 }) { address in
            let results = await offThread { () -> [Bool] in
                func works(_ client: RawClient?) -> Bool {
                    client?.send(request("GET /hello"))
                    return client?.reply()?.status == 200
                }
                var first = RawClient(address)
                let second = RawClient(address)
                let both = works(first) && works(second)
                let third = RawClient(address)?.isClosed() == true
                first = nil
                var again = false
                for _ in 0..<200 where !again { again = works(RawClient(address)) }
                return [both, third, again, first == nil, works(second)]
            }
            #expect(results == [true, true, true, true, true])
        }
    }

    @Test("random bytes are answered or refused, and the server goes on")
    func fuzz() async throws {
        try await withServer(routes()) { address in
            let isAlive = await offThread { () -> Bool in
                var seed: UInt64 = 0x5eed
                let words = [
                    "GET ", "POST ", "/hello", " HTTP/1.1", "\r\n", "Host: a", "Content-Length: ", "5", ":", "%", "\0",
                ]
                for _ in 0..<150 {
                    var text = ""
                    for _ in 0..<12 {
                        seed = seed &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                        text += words[Int(seed >> 33) % words.count]
                    }
                    let client = RawClient(address)
                    client?.send(text)
                }
                let client = RawClient(address)
                client?.send(request("GET /hello"))
                return client?.reply()?.body == "hello"
            }
            #expect(isAlive, "seed 0x5eed")
        }
    }
}
